#include "lib/passes.h"
#include "tests/gallery/gallery.h"
#include "tests/lib/hand_plans.h"

namespace ringfold {

namespace {

/// Direct shifts: in step i rank r sends its own KV to r + i. With `coloured`, even ranks send before they receive and
/// odd ones receive first, in an exchange each: a library that groups the calls would hide the order.
Schedule shifts(int ranks, bool coloured) {
  const Problem problem = small_problem(2 * ranks);
  const HeadRange kv_heads{0, problem.heads.kv};
  Schedule schedule{"by hand", problem, {ranks, 1}, {}};
  for (int rank = 0; rank < ranks; ++rank) {
    ProgramMaker maker(problem);
    const BlockId q = maker.input(BlockKind::q, query_part(problem, ranks, rank), {0, problem.heads.query});
    const BlockId own = maker.input(BlockKind::kv, kv_part(problem, ranks, rank), kv_heads);
    BlockId state = maker.attend(maker.whole(q), {maker.whole(own)});
    for (int step = 1; step < ranks; ++step) {
      const int from = (rank - step + ranks) % ranks;
      const BlockId kv = maker.block(BlockKind::kv, kv_part(problem, ranks, from), kv_heads);
      const auto tag = static_cast<uint64_t>(step);
      const Exchange send{{{(rank + step) % ranks, tag, maker.whole(own)}}, {}};
      const Exchange receive{{}, {{from, tag, kv}}};
      if (coloured) {
        maker.add(rank % 2 == 0 ? send : receive);
        maker.add(rank % 2 == 0 ? receive : send);
      } else {
        maker.add(Exchange{send.sends, receive.receives});
      }
      state = maker.attend(maker.whole(q), {maker.whole(kv)}, state);
    }
    maker.finish(state);
    schedule.ranks.push_back(std::move(maker.program));
  }
  return schedule;
}

Schedule send_first(bool defective) { return shifts(4, defective); }

// Two rings of two ranks, {0,2} and {1,3}; heads are dealt within {0,1} and {2,3}: rank r takes head r % 2.
Schedule two_level(bool defective) {
  const Problem problem = small_problem(8, 2, 2);
  Schedule schedule{"by hand", problem, {4, 1}, {}};
  for (int rank = 0; rank < 4; ++rank) {
    ProgramMaker maker(problem);
    const HeadRange mine{rank % 2, rank % 2 + 1};
    const HeadRange theirs{1 - rank % 2, 2 - rank % 2};
    const int partner = rank ^ 1;
    // Over the whole group the other rank of the pair stands elsewhere.
    const int peer = defective ? 3 - rank : partner;
    Exchange deal;
    std::vector<BlockId> got;
    std::vector<BlockId> own;
    for (const BlockKind kind : {BlockKind::q, BlockKind::kv}) {
      own.push_back(maker.input(kind, kv_part(problem, 4, rank), {0, 2}));
      got.push_back(maker.block(kind, kv_part(problem, 4, partner), mine));
      const auto tag = static_cast<uint64_t>(kind);
      deal.sends.push_back({peer, tag, {own.back(), kv_part(problem, 4, rank), theirs}});
      deal.receives.push_back({peer, tag, got.back()});
    }
    maker.add(deal);
    const TokenSet half = kv_part(problem, 2, rank / 2);
    std::vector<BlockId> whole;
    for (size_t i = 0; i < 2; ++i) {
      whole.push_back(maker.block(i == 0 ? BlockKind::q : BlockKind::kv, half, mine));
      maker.add(Copy{{{own[i], kv_part(problem, 4, rank), mine}, maker.whole(got[i])}, whole.back()});
    }
    const BlockId state = maker.attend(maker.whole(whole[0]), {maker.whole(whole[1])});
    const BlockId other = maker.block(BlockKind::kv, kv_part(problem, 2, 1 - rank / 2), mine);
    maker.add(Exchange{{{(rank + 2) % 4, 9, maker.whole(whole[1])}}, {{(rank + 2) % 4, 9, other}}});
    maker.finish(maker.attend(maker.whole(whole[0]), {maker.whole(other)}, state));
    schedule.ranks.push_back(std::move(maker.program));
  }
  return schedule;
}

// A rank without tokens returns early, and its neighbours wait for it.
Schedule idle_rank_skips(bool defective) {
  Schedule schedule = ring_plan(small_problem(2), 3);
  if (defective) schedule.ranks[0].operations.clear();
  if (defective) schedule.ranks[0].blocks.resize(2);
  if (defective) schedule.ranks[0].outputs.clear();
  return schedule;
}

// One receive buffer: the next shard arrives where the last one is being read.
Schedule stale_buffer(bool defective) {
  Schedule schedule = assign_buffers(issue_early(ring_plan(small_problem(12), 3)));
  if (!defective) return schedule;
  for (Program& program : schedule.ranks) {
    BlockId last = kNoBlock;
    for (const Operation& operation : program.operations) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      const auto arriving = static_cast<size_t>(exchange->receives[0].block);
      if (last != kNoBlock) program.offsets[arriving] = program.offsets[static_cast<size_t>(last)];
      last = exchange->receives[0].block;
    }
  }
  return schedule;
}

}  // namespace

std::vector<Exhibit> exchange_exhibits() {
  return {
      {"Sends first, saved by grouped calls", "ivanium/sglang, pull request 2", send_first, Proof::deadlock,
       "rank 0, operation 4 (exchange): waits in a cycle of 2 ranks, 4 never end: sends to rank 2, which "
       "receives at operation 5 but is held at operation 4; rank 2, operation 4 sends to rank 0, which receives "
       "at operation 5 but is held at operation 4"},
      {"An all-to-all over the whole group", "sgl-project/sglang, pull request 33353", two_level, Proof::matching,
       "rank 0, operation 0 (exchange): expects block 1 (q 0:[2,4) x heads [0,1)), 32 bytes, but rank 3, "
       "operation 0 sends q 0:[6,8) x heads [0,1), 32 bytes"},
      {"An idle rank that does not take part", "seen more than once, no single report", idle_rank_skips,
       Proof::matching,
       "rank 2, operation 1 (exchange): sends block 1 (kv 0:[1,2) x heads [0,1)) to rank 0 with tag 1, which "
       "has no receive for it"},
      {"One receive buffer in a ring", "seen more than once, no single report", stale_buffer, Proof::memory,
       "rank 0, operation 2 (exchange): block 5 (kv 0:[4,8) x heads [0,1)) takes bytes [256,384) of block 3 (kv "
       "0:[8,12) x heads [0,1)), which is needed until operation 3"},
  };
}

}  // namespace ringfold
