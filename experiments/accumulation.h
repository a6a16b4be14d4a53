#pragma once

#include "lib/compare.h"
#include "lib/schedule.h"

#include <vector>

namespace ringfold {

/// For each rank, the most states merged into a row of O that it ends with and the most keys that one attend of those
/// states reads: upper bounds, from which the judge derives what rounding may do.
std::vector<Accumulation> accumulation_of(const Schedule& schedule);

}  // namespace ringfold
