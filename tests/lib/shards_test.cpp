#include "lib/shards.h"

#include "tests/catch.h"

#include <algorithm>

namespace ringfold {
namespace {

TEST_CASE("balanced runs tile the items, none negative, lengths differing by at most one") {
  for (int64_t count = 0; count <= 40; ++count) {
    for (int64_t parts = 1; parts <= 9; ++parts) {
      for (int64_t first_longer = 0; first_longer < 2 * parts; ++first_longer) {
        int64_t next = 0;
        for (int64_t index = 0; index < parts; ++index) {
          INFO(count << " items, part " << index << " of " << parts << ", longer from " << first_longer);
          const Run run = balanced_run(count, parts, index, first_longer);
          CHECK(run.begin == next);
          const bool longer = (index - first_longer % parts + parts) % parts < count % parts;
          CHECK(run.size() == count / parts + (longer ? 1 : 0));
          next = run.end;
        }
        CHECK(next == count);
      }
    }
  }
}

TEST_CASE("runs of 2^62 items do not overflow") {
  const int64_t count = (int64_t{1} << 62) + 5;
  const Run last = balanced_run(count, 7, 6, 3);
  CHECK(last.end == count);
  CHECK(last.size() == count / 7);
  CHECK(balanced_run(count, 7, 3, 3).size() == count / 7 + (count % 7 > 0 ? 1 : 0));
}

Problem batch(std::vector<Sequence> sequences) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = {28, 7, 8};
  return problem;
}

void check_tiles(const std::vector<TokenSet>& parts, const TokenSet& whole) {
  TokenSet sum;
  int64_t tokens = 0;
  for (const TokenSet& part : parts) {
    sum = unite(sum, part);
    tokens += part.size();
  }
  CHECK(sum == whole);
  CHECK(tokens == whole.size());
}

TEST_CASE("each cut of the tokens tiles them") {
  const std::vector<Problem> problems = {batch({{0, 0}}),
                                         batch({{5, 0}}),
                                         batch({{33, 7}}),
                                         batch({{0, 9}}),
                                         batch({{3, 0}, {0, 4}, {13, 2}, {0, 0}, {1, 1}}),
                                         batch({{int64_t{1} << 40, int64_t{1} << 39}})};
  for (const Problem& problem : problems) {
    for (int64_t ranks = 1; ranks <= 9; ++ranks) {
      check_tiles(all_parts(query_chunk, problem, ranks), query_set(problem));
      check_tiles(all_parts(zigzag_queries, problem, ranks), query_set(problem));
      check_tiles(all_parts(dealt_chunk, problem, ranks), query_set(problem));
      check_tiles(all_parts(kv_shard, problem, ranks), kv_set(problem));
      check_tiles(all_parts(zigzag_kv, problem, ranks), kv_set(problem));
      check_tiles(all_parts(cached_chunk, problem, ranks), subtract(kv_set(problem), query_set(problem)));
      CHECK(query_chunks(problem, ranks, 0, ranks) == query_set(problem));
      CHECK(query_chunks(problem, ranks, ranks / 2, ranks / 2).empty());
    }
  }
}

TEST_CASE("many short sequences spread over all ranks") {
  const Problem problem = batch(std::vector<Sequence>(256, Sequence{1, 1}));
  for (int64_t rank = 0; rank < 8; ++rank) {
    CHECK(query_chunk(problem, 8, rank).size() == 32);
    CHECK(kv_shard(problem, 8, rank).size() == 64);
    CHECK(zigzag_queries(problem, 8, rank).size() == 32);
  }
}

TEST_CASE("slices within kv groups take all query heads, and as many on each rank as can be") {
  for (const Heads heads : {Heads{28, 7, 8}, Heads{64, 8, 8}, Heads{6, 1, 8}, Heads{5, 5, 8}}) {
    Problem problem = batch({{1, 0}});
    problem.heads = heads;
    for (const HeadRange range : {HeadRange{0, heads.query}, HeadRange{heads.query / 3, heads.query}}) {
      for (int64_t parts = 1; parts <= range.size(); ++parts) {
        std::vector<int> taken(static_cast<size_t>(heads.query));
        for (int64_t index = 0; index < parts; ++index) {
          int64_t size = 0;
          for (const HeadRange& slice : slices_within_groups(problem, range, parts, index)) {
            size += slice.size();
            for (int64_t head = slice.begin; head < slice.end; ++head) ++taken[static_cast<size_t>(head)];
          }
          CHECK(size >= range.size() / parts);
          CHECK(size <= (range.size() + parts - 1) / parts);
        }
        for (int64_t head = 0; head < heads.query; ++head) {
          CHECK(taken[static_cast<size_t>(head)] == (range.begin <= head ? 1 : 0));
        }
      }
    }
  }
}

TEST_CASE("kv heads of several ranges are joined") {
  const Problem problem = batch({{1, 0}});  // 4 query heads a kv head
  CHECK(kv_heads_of(problem, {{0, 1}, {3, 5}, {13, 14}}) == std::vector<HeadRange>{{0, 2}, {3, 4}});
  CHECK(slices_within_groups(problem, {0, 28}, 2, 1).front() == HeadRange{2, 4});
}

}  // namespace
}  // namespace ringfold
