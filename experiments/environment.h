#pragma once

#include "experiments/case.h"
#include "experiments/row.h"

#include <string>
#include <string_view>

namespace ringfold {

std::string_view version();
/// Of the sources that this program was built from; "unknown" outside a git tree.
std::string_view revision();
std::string compiler_text();
std::string os_text();
std::string cpu_model();
/// Cores that this process may use.
int usable_cores();

/// The `environment` field: an allow-list of what may explain a figure, never the process environment.
Row environment_json(const Case& item);

}  // namespace ringfold
