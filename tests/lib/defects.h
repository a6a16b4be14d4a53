#pragma once

#include "lib/check.h"
#include "tests/lib/random_plan.h"

#include <optional>
#include <string_view>
#include <vector>

namespace ringfold {

/// A way to break a correct schedule, and the proof that must fail first.
struct Defect {
  std::string_view name;
  Proof proof;
  /// Breaks a copy somewhere, chosen by dice; nothing if the schedule has no place for it, or it would change nothing.
  std::optional<Schedule> (*apply)(Schedule schedule, Dice& dice);
};

const std::vector<Defect>& all_defects();

}  // namespace ringfold
