#pragma once

#include "lib/check_findings.h"

namespace ringfold {

/// First half of the data-flow proof, rank by rank: ids, peers and ranges are valid, blocks are made once and before
/// they are read, views lie within what their blocks hold, operands of one operation agree. Afterwards the other
/// proofs may index without looking. Returns whether all is well.
bool check_structure(const Schedule& schedule, Findings& findings);

/// Second half: nothing is computed and never used. Requires check_structure().
void check_uses(const Schedule& schedule, Findings& findings);

/// Can sizes of the problem be counted in 64 bits, and is it one at all? Part of check_structure().
bool check_problem(const Schedule& schedule, Findings& findings);

}  // namespace ringfold
