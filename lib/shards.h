#pragma once

#include "lib/problem.h"

#include <cstdint>

namespace ringfold {

/// [begin, end) of part `index` when `count` items are cut into `parts` runs whose lengths differ by at most one.
/// The longer runs are the parts from `first_longer` on (cyclically).
struct Run {
  int64_t begin = 0;
  int64_t end = 0;
};
Run balanced_run(int64_t count, int64_t parts, int64_t index, int64_t first_longer = 0);

/// New tokens of chunk `index` of `chunks`, over all sequences; longer chunks rotate with the sequence's index.
TokenSet query_chunk(const Problem& problem, int64_t chunks, int64_t index);
/// Cached tokens of part `index` of `parts`, cut and rotated likewise.
TokenSet cached_chunk(const Problem& problem, int64_t parts, int64_t index);
/// What rank `index` of `ranks` holds of KV by default: its part of the cached tokens and of the new ones.
TokenSet kv_shard(const Problem& problem, int64_t ranks, int64_t index);
/// New tokens of zigzag rank `index`: chunks `index` and 2 ranks - 1 - index of 2 ranks.
TokenSet zigzag_queries(const Problem& problem, int64_t ranks, int64_t index);
/// An equal contiguous split of heads, sizes differing by at most one.
HeadRange head_part(const HeadRange& heads, int64_t parts, int64_t index);

}  // namespace ringfold
