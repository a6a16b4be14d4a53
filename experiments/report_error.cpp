#include "experiments/report_error.h"

#include "experiments/diagnostics.h"
#include "experiments/streams.h"

namespace ringfold {

ExitCode report_error(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const ConfigurationError& error) {
    tell("{}\n", error.what());
    return error.code();
  } catch (const Error& error) {
    tell("ringfold: {}\n", error.what());
    return error.code();
  } catch (const std::exception& error) {
    tell("ringfold: internal error: {}\n", error.what());
    return ExitCode::internal;
  }
}

}  // namespace ringfold
