#pragma once

#include "lib/check_matching.h"

namespace ringfold {

/// Proves that every program ends when all transfers are rendezvous, each rank has one exchange in flight, in program
/// order, and an exchange ends only when all its transfers have met their partners. What can happen can only enable
/// more, so the outcome does not depend on the interleaving and one run decides. Requires complete matching.
void check_deadlock(const Schedule& schedule, const std::vector<RankExchanges>& exchanges, Findings& findings);

}  // namespace ringfold
