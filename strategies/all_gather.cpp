// all_gather, P = 4: every rank gets the KV of all ranks in one exchange and attends it in one go, without a merge.
//
//   layout: contiguous                      layout: zigzag (2P chunks, rank r owns r and 2P-1-r)
//   rank 0 : Q shard 0 sees KV 0            rank 0 : Q chunk 0 sees 1 chunk, Q chunk 7 sees 8
//   rank 1 : Q shard 1 sees KV 0..1         rank 1 : Q chunk 1 sees 2,       Q chunk 6 sees 7
//   rank 2 : Q shard 2 sees KV 0..2         rank 2 : Q chunk 2 sees 3,       Q chunk 5 sees 6
//   rank 3 : Q shard 3 sees KV 0..3         rank 3 : Q chunk 3 sees 4,       Q chunk 4 sees 5
//   work grows with r                       9 chunk tiles on every rank
//
// Rank r owns its tokens of Q, K, V and O, all heads; cached tokens are cut into P parts. Each rank sends its shard
// directly to every other one (under a window, to those that see some of it): no copy is passed on, and the bytes are
// those of a ring.
// Cost per rank: one exchange, (P-1) n kappa bytes sent; S kappa resident; one attend for each contiguous range of its
// queries (1 or 2). One softmax over all keys, no partial result: the best numerics. Nothing overlaps the exchange.
// Source: the context parallelism of Llama 3, "The Llama 3 Herd of Models", arXiv 2407.21783, section 3.3.2.

#include "lib/program_builder.h"
#include "lib/shards.h"
#include "lib/strategy.h"

namespace ringfold {

class AllGather final : public Strategy {
 public:
  explicit AllGather(const Options& options) : zigzag_(options.at("layout") == "zigzag") {}
  static std::vector<OptionSpec> options() {
    return {{"layout", {"contiguous", "zigzag"}, "which tokens a rank owns: one shard, or chunks r and 2P-1-r"}};
  }

  std::vector<Program> plan(const Problem& problem, const Group& group) const override {
    const std::vector<TokenSet> shards = all_parts(zigzag_ ? zigzag_kv : kv_shard, problem, group.ranks);
    const std::vector<TokenSet> seen = seen_parts(problem, shards);
    std::vector<TokenSet> queries;
    for (int rank = 0; rank < group.ranks; ++rank) {
      const std::vector<TokenSet> ranges = query_ranges(problem, group.ranks, rank);
      queries.push_back(unite(ranges.front(), ranges.back()));
    }
    std::vector<Program> programs;
    programs.reserve(shards.size());
    for (int rank = 0; rank < group.ranks; ++rank)
      programs.push_back(program(problem, group, shards, seen, queries, rank));
    return programs;
  }

 private:
  /// Under a window, shards that no query of a rank sees are not sent to it.
  static bool wants(const Problem& problem, const TokenSet& queries, const TokenSet& shard) {
    return problem.mask.kind != MaskKind::window || sees(problem.mask, queries, shard);
  }

  std::vector<TokenSet> query_ranges(const Problem& problem, int ranks, int rank) const {
    if (!zigzag_) return {query_chunk(problem, ranks, rank)};
    return {query_chunk(problem, 2 * ranks, rank), query_chunk(problem, 2 * ranks, 2 * ranks - 1 - rank)};
  }

  Program program(const Problem& problem, const Group& group, const std::vector<TokenSet>& shards,
                  const std::vector<TokenSet>& seen, const std::vector<TokenSet>& all_queries, int rank) const {
    const int ranks = group.ranks;
    const HeadRange kv_heads = kv_heads_of(problem, group.query_heads);
    const std::vector<TokenSet> ranges = query_ranges(problem, ranks, rank);
    const TokenSet& queries = all_queries[static_cast<size_t>(rank)];
    ProgramBuilder builder(problem);
    const BlockId q = builder.input_q(queries, group.query_heads);
    std::vector<BlockId> kv(shards.size(), kNoBlock);
    kv[static_cast<size_t>(rank)] = builder.input_kv(shards[static_cast<size_t>(rank)], kv_heads);
    BlockId sent = kNoBlock;
    for (int distance = 1; distance < ranks; ++distance) {
      const int from = (rank - distance + ranks) % ranks;
      const auto arriving = static_cast<size_t>(from);
      const int to = (rank + distance) % ranks;
      if (wants(problem, all_queries[static_cast<size_t>(to)], shards[static_cast<size_t>(rank)])) {
        if (sent == kNoBlock) sent = builder.pack(kv[static_cast<size_t>(rank)], seen[static_cast<size_t>(rank)]);
        builder.send(to, 0, sent);
      }
      if (!wants(problem, queries, shards[arriving])) continue;
      kv[arriving] = builder.receive(from, 0, BlockKind::kv, seen[arriving], kv_heads);
    }
    builder.end_exchange();
    std::vector<View> all_kv;
    for (const BlockId block : kv) all_kv.push_back(builder.whole(block));
    BlockId state = kNoBlock;
    for (const TokenSet& range : ranges) state = builder.attend(q, range, all_kv, state, queries);
    builder.finish(state, q);
    return builder.take();
  }

  bool zigzag_;
};

}  // namespace ringfold

using ringfold::AllGather;
RINGFOLD_STRATEGY(all_gather, AllGather, "Llama 3 context parallelism: KV of all ranks gathered, one attend, no merge")
