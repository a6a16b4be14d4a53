#pragma once

#include "lib/kernel.h"
#include "lib/schedule.h"

#include <vector>

namespace ringfold {

/// Where tokens of a paged block lie: runs of positions, none across the edge of a page.
std::vector<Segment> paged_segments(const Block& block, const TokenSet& tokens);

/// Programs whose ranks keep their K and V in pages: the KV blocks that they start with, and those that are made of
/// them by rotation. Attends, copies and rotations read through the page table; what is sent is gathered from the pages
/// by a Copy first.
std::vector<Program> page_caches(std::vector<Program> programs, int64_t page_size);

}  // namespace ringfold
