#pragma once

#include "lib/check_findings.h"

#include <cstdint>
#include <vector>

namespace ringfold {

/// One end of a transfer: which operation of which rank, and which of its sends (or receives).
struct TransferEnd {
  int32_t rank = -1;
  int32_t operation = -1;
  int32_t index = -1;
};

/// The exchanges of one rank in program order. The ends of exchange i are partners[first[i] .. first[i + 1]): the
/// other ends of its sends, then of its receives.
struct RankExchanges {
  std::vector<int32_t> operations;
  std::vector<size_t> first;
  std::vector<TransferEnd> partners;
};

/// Proves that sends and receives pair one to one by (sender, receiver, tag) and that a received block declares exactly
/// what is sent. Returns each rank's exchanges with their partners, complete iff nothing was found.
/// Requires check_structure().
std::vector<RankExchanges> check_matching(const Schedule& schedule, Findings& findings);

}  // namespace ringfold
