#include "lib/shards.h"

#include "lib/error.h"

#include <algorithm>

namespace ringfold {

namespace {

/// Parts [from, to) of each sequence's [first(s), first(s) + count(s)).
template <typename First, typename Count>
TokenSet parts_of(const Problem& problem, int64_t parts, int64_t from, int64_t to, First first, Count count) {
  if (from >= to) return {};
  std::vector<TokenRange> ranges;
  ranges.reserve(problem.sequences.size());
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    const Sequence& sequence = problem.sequences[s];
    const auto number = static_cast<int64_t>(s);
    const int64_t begin = balanced_run(count(sequence), parts, from, number).begin;
    const int64_t end = balanced_run(count(sequence), parts, to - 1, number).end;
    if (begin < end) ranges.push_back({number, first(sequence) + begin, first(sequence) + end});
  }
  return TokenSet(std::move(ranges));
}

/// Appends a range that does not begin before the last one does; joins what touches or overlaps.
void append(std::vector<HeadRange>& ranges, const HeadRange& range) {
  if (range.empty()) return;
  if (!ranges.empty() && range.begin <= ranges.back().end) {
    ranges.back().end = std::max(ranges.back().end, range.end);
  } else {
    ranges.push_back(range);
  }
}

}  // namespace

Run balanced_run(int64_t count, int64_t parts, int64_t index, int64_t first_longer) {
  RINGFOLD_INVARIANT(count >= 0 && parts >= 1 && 0 <= index && index < parts && first_longer >= 0,
                     "part {} of {} of {} items, longer from {}", index, parts, count, first_longer);
  const int64_t shorter = count / parts;
  const int64_t num_longer = count % parts;
  const int64_t first = first_longer % parts;
  const int64_t wrapped = std::max<int64_t>(0, first + num_longer - parts);  // longer parts 0 .. wrapped - 1
  const auto longer_before = [&](int64_t part) {
    return std::min(part, wrapped) + std::clamp<int64_t>(part - first, 0, num_longer - wrapped);
  };
  return {index * shorter + longer_before(index), (index + 1) * shorter + longer_before(index + 1)};
}

TokenSet query_chunk(const Problem& problem, int64_t chunks, int64_t index) {
  return query_chunks(problem, chunks, index, index + 1);
}

TokenSet query_chunks(const Problem& problem, int64_t chunks, int64_t first, int64_t last) {
  return parts_of(
      problem, chunks, first, last, [](const Sequence& s) { return s.cached; },
      [](const Sequence& s) { return s.query; });
}

TokenSet dealt_chunk(const Problem& problem, int64_t chunks, int64_t index) {
  std::vector<TokenRange> ranges;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    const Sequence& sequence = problem.sequences[s];
    const Run run = balanced_run(sequence.query, chunks, (index + chunks - sequence.cached % chunks) % chunks);
    ranges.push_back({static_cast<int64_t>(s), sequence.cached + run.begin, sequence.cached + run.end});
  }
  return TokenSet(std::move(ranges));
}

TokenSet cached_chunk(const Problem& problem, int64_t parts, int64_t index) {
  if (!problem.cache.empty()) {
    RINGFOLD_INVARIANT(parts == std::ssize(problem.cache), "{} ranks hold the cache, not {}", problem.cache.size(),
                       parts);
    return problem.cache[static_cast<size_t>(index)];
  }
  return parts_of(
      problem, parts, index, index + 1, [](const Sequence&) { return int64_t{0}; },
      [](const Sequence& s) { return s.cached; });
}

TokenSet kv_shard(const Problem& problem, int64_t ranks, int64_t index) {
  return unite(cached_chunk(problem, ranks, index), query_chunk(problem, ranks, index));
}

TokenSet zigzag_queries(const Problem& problem, int64_t ranks, int64_t index) {
  return unite(query_chunk(problem, 2 * ranks, index), query_chunk(problem, 2 * ranks, 2 * ranks - 1 - index));
}

TokenSet zigzag_kv(const Problem& problem, int64_t ranks, int64_t index) {
  return unite(cached_chunk(problem, ranks, index), zigzag_queries(problem, ranks, index));
}

TokenSet seen_keys(const Problem& problem, const TokenSet& queries) {
  std::vector<TokenRange> keys;
  for (const TokenRange& range : queries.ranges()) {
    const TokenRange first = visible_keys(problem, range.sequence, range.begin);
    const TokenRange last = visible_keys(problem, range.sequence, range.end - 1);
    keys.push_back({range.sequence, first.begin, last.end});
  }
  return TokenSet(std::move(keys));
}

std::vector<TokenSet> seen_parts(const Problem& problem, std::vector<TokenSet> shards) {
  const TokenSet seen = seen_keys(problem, query_set(problem));
  for (TokenSet& shard : shards) shard = intersect(shard, seen);
  return shards;
}

HeadRange head_part(const HeadRange& heads, int64_t parts, int64_t index) {
  const Run run = balanced_run(heads.size(), parts, index);
  return {heads.begin + run.begin, heads.begin + run.end};
}

std::vector<HeadRange> slices_within_groups(const Problem& problem, const HeadRange& query_heads, int64_t parts,
                                            int64_t index) {
  const HeadRange kv_heads = kv_heads_of(problem, query_heads);
  const int64_t group = problem.heads.group();
  std::vector<HeadRange> slices;
  int64_t first_longer = 0;
  for (int64_t kv = kv_heads.begin; kv < kv_heads.end; ++kv) {
    const HeadRange heads = intersect(query_heads, HeadRange{kv * group, (kv + 1) * group});
    const Run run = balanced_run(heads.size(), parts, index, first_longer);
    append(slices, {heads.begin + run.begin, heads.begin + run.end});
    first_longer = (first_longer + heads.size()) % parts;
  }
  return slices;
}

std::vector<HeadRange> kv_heads_of(const Problem& problem, const std::vector<HeadRange>& query_heads) {
  std::vector<HeadRange> kv_heads;
  for (const HeadRange& heads : query_heads) append(kv_heads, kv_heads_of(problem, heads));
  return kv_heads;
}

}  // namespace ringfold
