// window_halo, P = 4, window W: contiguous shards; one exchange brings each rank the keys that its queries see and that
// others hold: under a window the W-1 tokens before its own, from one rank or from several.
//
//   W <= n                       W = 2n                       rows that rank 2 receives
//   rank 0 : KV    0\            rank 0 : KV    0\            .  shard 0   1   2   3
//   rank 1 : KV    1\ +end of 0  rank 1 : KV    1\ +0         W <= n   .   ==  own .
//   rank 2 : KV    2\ +end of 1  rank 2 : KV    2\ +1 +end 0  W = 2n  === ====  own .
//   rank 3 : KV    3\ +end of 2  rank 3 : KV    3\ +2 +end 1
//
// Rank r owns shard r of Q, K, V and O, all heads; cached tokens are cut into P parts. Cost per rank: one exchange of
// min(W-1, tokens before its own) kappa bytes; under a causal mask all keys before its own, under a full one all
// others. Two attends: the own shard while the rest is on its way, then the rest. Work is equal where W << n. Source:
// halo exchange, as in stencils; sliding windows of Mistral 7B, arXiv 2310.06825, section 2.

#include "lib/program_builder.h"
#include "lib/shards.h"
#include "lib/strategy.h"

namespace ringfold {

class WindowHalo final : public Strategy {
 public:
  explicit WindowHalo(const Options&) {}
  static std::vector<OptionSpec> options() { return {}; }

  std::vector<Program> plan(const Problem& problem, const Group& group) const override {
    const std::vector<TokenSet> queries = all_parts(query_chunk, problem, group.ranks);
    const std::vector<TokenSet> shards = all_parts(kv_shard, problem, group.ranks);
    std::vector<TokenSet> seen;
    for (const TokenSet& tokens : queries) seen.push_back(seen_keys(problem, tokens));
    std::vector<Program> programs;
    for (size_t rank = 0; rank < shards.size(); ++rank) {
      programs.push_back(program(problem, group, queries[rank], shards, seen, static_cast<int>(rank)));
    }
    return programs;
  }

 private:
  static Program program(const Problem& problem, const Group& group, const TokenSet& queries,
                         const std::vector<TokenSet>& shards, const std::vector<TokenSet>& seen, int rank) {
    const int ranks = group.ranks;
    const auto here = static_cast<size_t>(rank);
    const HeadRange kv_heads = kv_heads_of(problem, group.query_heads);
    ProgramBuilder builder(problem);
    const BlockId q = builder.input_q(queries, group.query_heads);
    const BlockId own = builder.input_kv(shards[here], kv_heads);
    std::vector<BlockId> packed(shards.size(), kNoBlock);
    for (size_t to = 0; to < shards.size(); ++to) {
      const TokenSet halo = intersect(shards[here], seen[to]);
      if (to != here) packed[to] = builder.pack(own, halo);
    }
    std::vector<View> arrived;
    for (int distance = 1; distance < ranks; ++distance) {
      const int to = (rank + distance) % ranks;
      const int from = (rank - distance + ranks) % ranks;
      builder.send(to, 0, packed[static_cast<size_t>(to)]);
      const TokenSet halo = intersect(shards[static_cast<size_t>(from)], seen[here]);
      arrived.push_back(builder.whole(builder.receive(from, 0, BlockKind::kv, halo, kv_heads)));
    }
    builder.end_exchange();
    BlockId state = builder.attend(q, queries, {builder.whole(own)}, kNoBlock);
    state = builder.attend(q, queries, arrived, state);
    builder.finish(state, q);
    return builder.take();
  }
};

}  // namespace ringfold

using ringfold::WindowHalo;
RINGFOLD_STRATEGY(window_halo, WindowHalo, "Contiguous shards, each rank is sent just the keys that its queries see")
