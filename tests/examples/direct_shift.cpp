// direct_shift, P = 4: contiguous shards; each step sends the own KV shard one rank further, to those that see it only.
//
//   step           0     1     2     3     \ diagonal   # all of it   . nothing to see, so nothing is sent
//   rank 0 : KV    0\    .     .     .     In step i rank r sends its shard to r+i and gets that of r-i.
//   rank 1 : KV    1\    0#    .     .
//   rank 2 : KV    2\    1#    0#    .
//   rank 3 : KV    3\    2#    1#    0#
//
// Rank r owns shard r of Q, K, V and O, all heads. Cost per rank, causal: (P-1-r) n kappa bytes sent, half of a ring's
// in the mean; the work is as uneven as a ring's. Source: this page.

#include "lib/program_builder.h"
#include "lib/shards.h"
#include "lib/strategy.h"

namespace ringfold {

class DirectShift final : public Strategy {
 public:
  explicit DirectShift(const Options&) {}
  static std::vector<OptionSpec> options() { return {}; }

  std::vector<Program> plan(const Problem& problem, const Group& group) const override {
    const int ranks = group.ranks;
    const HeadRange kv_heads = kv_heads_of(problem, group.query_heads);
    const std::vector<TokenSet> queries = all_parts(query_chunk, problem, ranks);
    const std::vector<TokenSet> shards = all_parts(kv_shard, problem, ranks);
    const auto wants = [&](int rank, int shard) {
      return sees(problem.mask, queries[static_cast<size_t>(rank)], shards[static_cast<size_t>(shard)]);
    };
    std::vector<Program> programs;
    for (int rank = 0; rank < ranks; ++rank) {
      ProgramBuilder builder(problem);
      const BlockId q = builder.input_q(queries[static_cast<size_t>(rank)], group.query_heads);
      const BlockId own = builder.input_kv(shards[static_cast<size_t>(rank)], kv_heads);
      BlockId kv = own;
      BlockId state = kNoBlock;
      for (int step = 0; step < ranks; ++step) {
        state = builder.attend(q, queries[static_cast<size_t>(rank)], {builder.whole(kv)}, state);
        if (step == ranks - 1) break;
        const auto tag = static_cast<uint64_t>(step);
        const int to = (rank + step + 1) % ranks;
        const int from = (rank - step - 1 + ranks) % ranks;
        kv = kNoBlock;
        if (wants(to, rank)) builder.send(to, tag, own);
        if (wants(rank, from)) {
          kv = builder.receive(from, tag, BlockKind::kv, shards[static_cast<size_t>(from)], kv_heads);
        }
        builder.end_exchange();
      }
      builder.finish(state, q);
      programs.push_back(builder.take());
    }
    return programs;
  }
};

}  // namespace ringfold

using ringfold::DirectShift;
RINGFOLD_STRATEGY(direct_shift, DirectShift, "Contiguous shards, each sent directly to the ranks that see it")
