#include "experiments/report_error.h"

#include "experiments/diagnostics.h"

#include <cstdio>

namespace ringfold {

ExitCode report_error(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const ConfigurationError& error) {
    fmt::print(stderr, "{}\n", error.what());
    return error.code();
  } catch (const Error& error) {
    fmt::print(stderr, "ringfold: {}\n", error.what());
    return error.code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "ringfold: internal error: {}\n", error.what());
    return ExitCode::internal;
  }
}

}  // namespace ringfold
