#pragma once

#include "lib/check_matching.h"

namespace ringfold {

/// Proves that each visible (query token, key token, query head) is attended exactly once, on its way into O and into
/// one LSE exactly once. Follows states through folds, merges, copies and exchanges, in an order in which they can
/// happen. Requires structure, matching and freedom from deadlock.
void check_coverage(const Schedule& schedule, const std::vector<RankExchanges>& exchanges, Findings& findings);

}  // namespace ringfold
