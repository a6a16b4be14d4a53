#pragma once

#include "lib/schedule.h"

#include <cstdint>
#include <vector>

namespace ringfold {

/// Per rank: bytes of its initial Q and KV rows, each once for every other rank of its group that attends it (under the
/// mask) without holding it from the start. A row that several ranks of the group hold counts for the first of them.
/// Time: per rank, the attends and the ranges of its group's initial rows.
std::vector<int64_t> minimum_sent_bytes(const Schedule& schedule);

}  // namespace ringfold
