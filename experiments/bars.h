#pragma once

#include "experiments/row.h"
#include "experiments/table.h"

#include <string>
#include <vector>

namespace ringfold {

/// A bar for the median of each strategy that passed, problem by problem, those of one problem on one scale, with the
/// 95 % interval of the median where there is one; empty unless two strategies of a problem have passed, or if there
/// are too many to be looked at. `best`: one a row, drawn as such.
std::string bars_text(const std::vector<Row>& rows, const std::vector<bool>& best, const TableStyle& style);

}  // namespace ringfold
