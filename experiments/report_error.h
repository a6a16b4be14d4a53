#pragma once

#include "lib/error.h"

#include <exception>

namespace ringfold {

/// Tells on standard error what went wrong, in a line or in one line for each fault of a file. Returns its exit code.
ExitCode report_error(const std::exception_ptr& thrown);

}  // namespace ringfold
