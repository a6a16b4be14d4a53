#include "lib/error.h"

namespace ringfold {

void fail_invariant(const char* file, int line, const char* condition, const std::string& message) {
  throw Error(ExitCode::internal, fmt::format("internal error: {} ({}:{}: {})", message, file, line, condition));
}

}  // namespace ringfold
