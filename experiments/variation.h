#pragma once

#include "experiments/row.h"

#include <string>
#include <vector>

namespace ringfold {

/// The dotted keys whose values differ between cases, the strategy aside, and their values. Sequences count as sums.
struct Variation {
  std::vector<std::string> keys;                 ///< shortest endings that tell them apart: "sp", "tokens"
  std::vector<std::vector<std::string>> values;  ///< [case][key]; "-" where a case has no such key
};

/// Of the `case` fields of rows.
Variation variation_of(const std::vector<Row>& cases);
/// Without a copy of them: there may be many.
Variation variation_of(const std::vector<const Row*>& cases);

}  // namespace ringfold
