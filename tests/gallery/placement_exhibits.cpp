#include "tests/gallery/gallery.h"
#include "tests/lib/hand_plans.h"

#include <algorithm>

namespace ringfold {

namespace {

TokenSet tokens(int64_t begin, int64_t end) { return TokenSet::range(0, begin, end); }

Problem full_problem(int64_t length) {
  Problem problem = small_problem(length);
  problem.mask.kind = MaskKind::full;
  return problem;
}

// Text [0,4) is on both ranks, the image [4,12) is cut in two.
Schedule replicated_rotated(bool defective) {
  const std::vector<TokenSet> queries = {tokens(0, 8), tokens(8, 12)};
  const std::vector<TokenSet> image = {tokens(4, 8), tokens(8, 12)};
  const std::vector<TokenSet> text = {tokens(0, 4), tokens(0, 4)};
  if (!defective) return ring_of(full_problem(12), queries, image, text);
  return ring_of(full_problem(12), queries, {unite(text[0], image[0]), unite(text[1], image[1])});
}

// Each rank attends the text and its own part of the image; there is an all-to-all for heads, but no ring.
Schedule replicated_never_rotated(bool defective) {
  if (!defective) return replicated_rotated(false);
  const Problem problem = full_problem(12);
  Schedule schedule{"by hand", problem, {2, 1}, {}};
  for (int64_t rank = 0; rank < 2; ++rank) {
    ProgramMaker maker(problem);
    const BlockId q = maker.input(BlockKind::q, rank == 0 ? tokens(0, 8) : tokens(8, 12), {0, 2});
    const BlockId text = maker.input(BlockKind::kv, tokens(0, 4), {0, 1});
    const BlockId image = maker.input(BlockKind::kv, tokens(4 + 4 * rank, 8 + 4 * rank), {0, 1});
    maker.finish(maker.attend(maker.whole(q), {maker.whole(text), maker.whole(image)}));
    schedule.ranks.push_back(std::move(maker.program));
  }
  return schedule;
}

Schedule packed_documents(bool defective) {
  Problem packed = small_problem(12);
  Problem documents = small_problem(6);
  documents.sequences.push_back({6, 0});
  Schedule schedule = ring_plan(defective ? packed : documents, 2);
  schedule.problem = documents;
  return schedule;
}

Schedule padded_shards(bool defective) {
  const Problem problem = small_problem(5);
  std::vector<TokenSet> shards;
  for (int64_t rank = 0; rank < 4; ++rank) {
    const int64_t end = 2 * rank + 2;
    shards.push_back(tokens(2 * rank, defective ? end : std::min<int64_t>(end, 5)));
  }
  return ring_of(problem, shards, shards);
}

// Zigzag over 3 ranks wants 6 chunks of equal length; what is left over of 7 tokens is nobody's.
Schedule rounded_length(bool defective) {
  const int64_t last = defective ? 6 : 7;
  const std::vector<TokenSet> shards = {unite(tokens(0, 1), tokens(5, last)), unite(tokens(1, 2), tokens(4, 5)),
                                        tokens(2, 4)};
  return ring_of(small_problem(7), shards, shards);
}

// 28 query and 7 kv heads on 4 ranks: 7 query heads each, which read kv heads across the floor of 7 / 4.
Schedule few_kv_heads(bool defective) {
  const Problem problem = small_problem(4, 28, 7);
  Schedule schedule{"by hand", problem, {4, 1}, {}};
  for (int64_t rank = 0; rank < 4; ++rank) {
    ProgramMaker maker(problem);
    const HeadRange query_heads{7 * rank, 7 * rank + 7};
    const HeadRange floors{rank * 7 / 4, (rank + 1) * 7 / 4};
    const HeadRange kv_heads = defective ? floors : kv_heads_of(problem, query_heads);
    const BlockId q = maker.input(BlockKind::q, query_set(problem), query_heads);
    const BlockId kv = maker.input(BlockKind::kv, kv_set(problem), kv_heads);
    maker.finish(maker.attend(maker.whole(q), {maker.whole(kv)}));
    schedule.ranks.push_back(std::move(maker.program));
  }
  return schedule;
}

}  // namespace

std::vector<Exhibit> placement_exhibits() {
  return {
      {"Replicated tokens go round the ring", "sgl-project/sglang, pull request 33327", replicated_rotated,
       Proof::coverage,
       "rank 0, operation 2 (attend): keys 0:[0,4) x heads [0,2) attended twice for queries 0:[0,8), the second "
       "time from block 3 (kv 0:[0,4) 0:[8,12) x heads [0,1))"},
      {"Replicated tokens are attended, the ring is not", "sgl-project/sglang, pull request 33353",
       replicated_never_rotated, Proof::coverage,
       "rank 0, operation 1 (finish): queries 0:[0,8) x heads [0,2) have not attended keys 0:[8,12), in block 3 "
       "(state 0:[0,8) x heads [0,2))"},
      {"Packed documents without their boundaries", "axolotl-ai-cloud/axolotl, issue 3608 and pull request 4002",
       packed_documents, Proof::data_flow,
       "rank 0: block 3 (kv 0:[6,12) x heads [0,1)) holds tokens 0:[6,12), but the keys of sequence 0 are [0,6)"},
      {"A shard of minus one token", "ivanium/sglang, pull request 2", padded_shards, Proof::data_flow,
       "rank 0: block 3 (kv 0:[6,8) x heads [0,1)) holds tokens 0:[6,8), but the keys of sequence 0 are [0,5)"},
      {"Seven tokens treated as six", "seen more than once, no single report", rounded_length, Proof::coverage,
       "out of queries 0:[6,7) x heads [0,2) ends on no rank"},
      {"Seven kv heads on four ranks", "seen more than once, no single report", few_kv_heads, Proof::data_flow,
       "rank 0, operation 0 (attend): query heads [0,7) read kv heads [0,2), but of block 1 (kv 0:[0,4) x heads "
       "[0,1)) it is given heads [0,1)"},
  };
}

}  // namespace ringfold
