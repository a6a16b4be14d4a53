#pragma once

#include "lib/check_findings.h"

namespace ringfold {

/// Where the problem asks for a placement by name: proves that each rank starts with no Q and KV but those that it has
/// there, and that no O ends on a rank that is not to have it. Together with coverage, which sees to it that all of O
/// ends somewhere, each O is where it must be. The LSE stays where it is made. Requires check_structure().
void check_placement(const Schedule& schedule, Findings& findings);

}  // namespace ringfold
