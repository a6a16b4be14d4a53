#pragma once

#include "lib/problem.h"

#include <cstdint>
#include <vector>

namespace ringfold {

/// [begin, end) of part `index` when `count` items are cut into `parts` runs whose lengths differ by at most one.
/// The longer runs are the parts from `first_longer` on (cyclically). No length is negative, and nothing overflows for
/// counts up to 2^62. Requires parts >= 1 and 0 <= index < parts.
struct Run {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};
Run balanced_run(int64_t count, int64_t parts, int64_t index, int64_t first_longer = 0);

/// New tokens of chunk `index` of `chunks`, over all sequences; longer chunks rotate with the sequence's index.
TokenSet query_chunk(const Problem& problem, int64_t chunks, int64_t index);
/// Chunks [first, last) of them together.
TokenSet query_chunks(const Problem& problem, int64_t chunks, int64_t first, int64_t last);
/// Cached tokens of part `index` of `parts`, cut and rotated likewise; or where they lie already, if the problem says
/// so.
TokenSet cached_chunk(const Problem& problem, int64_t parts, int64_t index);
/// What rank `index` of `ranks` holds of KV by default: its part of the cached tokens and of the new ones.
TokenSet kv_shard(const Problem& problem, int64_t ranks, int64_t index);
/// New tokens of chunk `index` of `chunks` where the first chunk of a sequence is that of its position mod `chunks` and
/// the others follow it: of no more tokens than chunks, each is in that of its own position.
TokenSet dealt_chunk(const Problem& problem, int64_t chunks, int64_t index);
/// New tokens of zigzag rank `index`: chunks `index` and 2 ranks - 1 - index of 2 ranks.
TokenSet zigzag_queries(const Problem& problem, int64_t ranks, int64_t index);
/// What zigzag rank `index` holds of KV: its part of the cached tokens and its two chunks of the new ones.
TokenSet zigzag_kv(const Problem& problem, int64_t ranks, int64_t index);
/// All keys that some of the queries sees.
TokenSet seen_keys(const Problem& problem, const TokenSet& queries);
/// What each shard has of the keys that some query of the problem sees: without what a window hides from
/// all, and without sequences that have no new tokens.
std::vector<TokenSet> seen_parts(const Problem& problem, std::vector<TokenSet> shards);
/// An equal contiguous split of heads, sizes differing by at most one; the first parts are the larger ones.
HeadRange head_part(const HeadRange& heads, int64_t parts, int64_t index);
/// Part `index` of a cut inside every kv group: its slices, in ascending order, those that touch joined. The longer
/// slices go on in each group where those of the group before ended, so the parts differ by at most one head in all.
std::vector<HeadRange> slices_within_groups(const Problem& problem, const HeadRange& query_heads, int64_t parts,
                                            int64_t index);
/// The kv heads that ascending ranges of query heads read, as few ranges as possible.
std::vector<HeadRange> kv_heads_of(const Problem& problem, const std::vector<HeadRange>& query_heads);

/// f(problem, parts, 0), f(problem, parts, 1), ...: all parts of one of the cuts above.
template <typename Cut>
std::vector<TokenSet> all_parts(Cut cut, const Problem& problem, int64_t parts) {
  std::vector<TokenSet> sets;
  sets.reserve(static_cast<size_t>(parts));
  for (int64_t index = 0; index < parts; ++index) sets.push_back(cut(problem, parts, index));
  return sets;
}

}  // namespace ringfold
