#pragma once

#include "experiments/row.h"

#include <string>

namespace ringfold {

/// Why `json` is no row of schema 1 that the rest of the program may read without asking for each type; empty if it is.
/// "schema 2, and this program reads schema 1"; "no row: case.problem.heads.dim is no whole number".
/// Fields that it does not know are left alone.
std::string row_fault(const Row& json);

}  // namespace ringfold
