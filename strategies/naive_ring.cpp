// naive_ring, P = 4: rank r owns contiguous token shard r of Q, K, V and O, all heads; KV shards move to r+1 each step.
//
//   step           0     1     2     3      \ diagonal   # all of it   . nothing to see, only passed on
//   rank 0 : KV    0\    3.    2.    1.     Exchange t sends the shard of step t to r+1 and receives from r-1 that of
//   rank 1 : KV    1\    0#    3.    2.     step t+1, while the shard of step t is attended.
//   rank 2 : KV    2\    1#    0#    3.
//   rank 3 : KV    3\    2#    1#    0#
//
// Cost per rank: P - 1 exchanges of one shard, (P-1) n kappa bytes sent; two shards of buffers beside the own one; rank
// r folds r + 1 blocks. Steps last as long as their slowest rank: under a causal mask the lock-step efficiency is
// (P/2) / (P-1/2), 0.53 at P = 8. Cached tokens lie in the shards as well, and every rank attends those of all.
// What no query at all sees, behind a window or of a sequence without new tokens, is not sent.
// Source: H. Liu, M. Zaharia, P. Abbeel, "Ring Attention with Blockwise Transformers for Near-Infinite Context",
// arXiv 2310.01889.

#include "lib/program_builder.h"
#include "lib/shards.h"
#include "lib/strategy.h"

namespace ringfold {

class NaiveRing final : public Strategy {
 public:
  explicit NaiveRing(const Options&) {}
  static std::vector<OptionSpec> options() { return {}; }

  std::vector<Program> plan(const Problem& problem, const Group& group) const override {
    const std::vector<TokenSet> queries = all_parts(query_chunk, problem, group.ranks);
    const std::vector<TokenSet> shards = all_parts(kv_shard, problem, group.ranks);
    const std::vector<TokenSet> seen = seen_parts(problem, shards);
    std::vector<Program> programs;
    programs.reserve(shards.size());
    for (int rank = 0; rank < group.ranks; ++rank) {
      programs.push_back(program(problem, group, queries[static_cast<size_t>(rank)], shards, seen, rank));
    }
    return programs;
  }

 private:
  static Program program(const Problem& problem, const Group& group, const TokenSet& queries,
                         const std::vector<TokenSet>& shards, const std::vector<TokenSet>& seen, int rank) {
    const int ranks = group.ranks;
    const HeadRange kv_heads = kv_heads_of(problem, group.query_heads);
    ProgramBuilder builder(problem);
    const auto most = static_cast<size_t>(problem.mask.kind == MaskKind::causal ? ranks + rank : 2 * ranks);
    builder.reserve(most + 1, most + 4);
    const BlockId q = builder.input_q(queries, group.query_heads);
    BlockId kv = builder.input_kv(shards[static_cast<size_t>(rank)], kv_heads);
    BlockId passed = ranks > 1 ? builder.pack(kv, seen[static_cast<size_t>(rank)]) : kNoBlock;
    BlockId state = kNoBlock;
    for (int step = 0; step < ranks; ++step) {
      BlockId next = kNoBlock;
      if (step < ranks - 1) {
        const auto tag = static_cast<uint64_t>(step);
        const auto arriving = static_cast<size_t>((rank - step - 1 + ranks) % ranks);
        builder.send((rank + 1) % ranks, tag, passed);
        next = builder.receive((rank - 1 + ranks) % ranks, tag, BlockKind::kv, seen[arriving], kv_heads);
        builder.end_exchange();
      }
      state = builder.attend(q, queries, {builder.whole(kv)}, state);
      kv = passed = next;
    }
    builder.finish(state, q);
    return builder.take();
  }
};

}  // namespace ringfold

using ringfold::NaiveRing;
RINGFOLD_STRATEGY(naive_ring, NaiveRing, "Ring Attention: contiguous shards, KV passed on to the next rank each step")
