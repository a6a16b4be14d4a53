// balanced_ring, P = 4: Q and O split by heads, K and V by tokens: rank r holds Q[all tokens, its query heads] and
// K, V[token shard r, all kv heads], and is sent, shard by shard, the kv heads that its query heads read.
//
//   rank 1, iteration        0        1         2           3         Iteration i works on shard s = r-i (mod P):
//   KV shard arriving        1        0         3           2           the diagonal, Q shard s on KV s; and for each
//   Q0 on KV                 .        0\        .           .           shard t that came before, the block
//   Q1 on KV                 1\       0         .           .           (Q max(s,t), KV min(s,t)), unmasked.
//   Q2 on KV                 .        .         .           0 1 2\    Meanwhile the own shard goes to r+i+1 and that of
//   Q3 on KV                 .        .         0 1 3\      2         r-i-1 arrives: direct sends, nothing is passed on.
//   blocks                   1\       1+\       2+\         3+\       The same in every iteration on every rank.
//
// Cost per rank: P - 1 exchanges; (n kappa / Hkv) * (sum of h_q over the other ranks q) bytes sent, where rank q reads h_q
// kv heads: (P-1) n kappa / P when P divides Hkv, (P-1) n kappa with `within_groups`. Resident: S kappa h_r / Hkv, and one
// fp32 state over all queries. 2P-1 + max(0, P-2-r) attends: a diagonal and at most two rectangles an iteration.
// Cached tokens: each shard holds 1/P of them, attended by all queries when it arrives. Full mask: also (Q min, KV max).
// Query heads: `contiguous`, or `within_groups`: the r-th slice of every kv group, each with a block and a state of its own.
// Source: the sequence-parallel prefill of ivanium/sglang, pull request 2 (there: within_groups).

#include "lib/program_builder.h"
#include "lib/shards.h"
#include "lib/strategy.h"

namespace ringfold {

namespace {

/// A rank's query heads and the kv heads that they read.
struct Share {
  std::vector<HeadRange> query;
  std::vector<HeadRange> kv;
};

uint64_t tag_of(int iteration, size_t run) { return static_cast<uint64_t>(iteration) | (uint64_t{run} << 32); }

size_t at(int index) { return static_cast<size_t>(index); }

/// What is the same on all ranks of the group.
struct Shards {
  std::vector<TokenSet> fresh;   ///< new tokens of each shard: its rows of Q
  std::vector<TokenSet> cached;  ///< cached tokens of each shard
  std::vector<TokenSet> kv;      ///< both
  TokenSet queries;              ///< all new tokens
  bool any_cached = false;
  std::vector<Share> shares;     ///< of each rank
};

/// Writes the program of one rank.
class Writer {
 public:
  Writer(const Problem& problem, const Shards& shards, int rank)
      : problem_(problem), shards_(shards), mine_(shards.shares[at(rank)]), rank_(rank), builder_(problem) {}

  Program write(const HeadRange& kv_heads) {
    const int ranks = static_cast<int>(shards_.kv.size());
    for (const HeadRange& heads : mine_.query) q_.push_back(builder_.input_q(shards_.queries, heads));
    states_.assign(q_.size(), kNoBlock);
    const BlockId own = builder_.input_kv(shards_.kv[at(rank_)], kv_heads);
    kv_.resize(shards_.kv.size());
    kv_[at(rank_)].assign(mine_.kv.size(), own);
    for (int i = 0; i < ranks; ++i) {
      if (i < ranks - 1) exchange(i, own, (rank_ + i + 1) % ranks, (rank_ - i - 1 + ranks) % ranks);
      for (size_t slice = 0; slice < q_.size(); ++slice) attend(slice, (rank_ - i + ranks) % ranks);
    }
    for (size_t slice = 0; slice < q_.size(); ++slice) builder_.finish(states_[slice], q_[slice]);
    return builder_.take();
  }

 private:
  void exchange(int iteration, BlockId own, int to, int from) {
    const std::vector<HeadRange>& theirs = shards_.shares[at(to)].kv;
    for (size_t run = 0; run < theirs.size(); ++run) {
      builder_.send(to, tag_of(iteration, run), builder_.part(own, shards_.kv[at(rank_)], theirs[run]));
    }
    for (size_t run = 0; run < mine_.kv.size(); ++run) {
      const TokenSet& tokens = shards_.kv[at(from)];
      kv_[at(from)].push_back(builder_.receive(from, tag_of(iteration, run), BlockKind::kv, tokens, mine_.kv[run]));
    }
    builder_.end_exchange();
  }

  /// What the iteration in which shard s has arrived does for one slice of heads. Before it came later..rank and, once the
  /// shards' numbers have wrapped, 0..rank and later..P-1.
  void attend(size_t slice, int s) {
    const int ranks = static_cast<int>(shards_.kv.size());
    const bool full = problem_.mask.kind == MaskKind::full;
    const bool wrapped = s > rank_;
    const int last = wrapped ? ranks - 1 : rank_;
    const TokenSet& queries = shards_.fresh[at(s)];
    TokenSet column = query_chunks(problem_, ranks, s + 1, last + 1);
    if (wrapped && full) column = unite(query_chunks(problem_, ranks, 0, rank_ + 1), column);
    std::vector<View> row;
    for (int t = 0; wrapped && t <= rank_; ++t) row.push_back(fresh(slice, t));
    for (int t = s + 1; full && t <= last; ++t) row.push_back(fresh(slice, t));

    const View arrived = builder_.whole(block(slice, s));
    // With cached tokens, whose attends come on top, the row and the diagonal are one; else the row goes first, since it
    // need not wait for the arrival.
    if (shards_.any_cached) row.push_back(arrived);
    fold(slice, queries, std::move(row));
    if (!shards_.any_cached) fold(slice, queries, {arrived});
    fold(slice, column, {arrived});
    if (!shards_.any_cached) return;
    const TokenSet others = subtract(shards_.queries, unite(queries, column));
    fold(slice, others, {builder_.part(block(slice, s), shards_.cached[at(s)])});
  }

  void fold(size_t slice, const TokenSet& queries, std::vector<View> kv) {
    states_[slice] = builder_.attend(q_[slice], queries, std::move(kv), states_[slice], shards_.queries);
  }

  /// The block with the keys of shard t that a slice reads.
  BlockId block(size_t slice, int t) const {
    const HeadRange heads = kv_heads_of(problem_, mine_.query[slice]);
    size_t run = 0;
    while (!mine_.kv[run].contains(heads)) ++run;
    return kv_[at(t)][run];
  }
  View fresh(size_t slice, int t) const { return builder_.part(block(slice, t), shards_.fresh[at(t)]); }

  const Problem& problem_;
  const Shards& shards_;
  const Share& mine_;
  int rank_;
  ProgramBuilder builder_;
  std::vector<BlockId> q_;                ///< per slice of query heads
  std::vector<BlockId> states_;           ///< likewise
  std::vector<std::vector<BlockId>> kv_;  ///< [shard][run of kv heads], once arrived
};

}  // namespace

class BalancedRing final : public Strategy {
 public:
  explicit BalancedRing(const Options& options) : within_groups_(options.at("heads") == "within_groups") {}
  static std::vector<OptionSpec> options() {
    return {{"heads", {"contiguous", "within_groups"}, "a rank's query heads: one range, or a slice of each kv group"}};
  }

  std::optional<std::string> supports(const Problem&, const Group& group) const override {
    if (group.query_heads.size() >= group.ranks) return std::nullopt;
    return "cluster.sp: " + std::to_string(group.ranks) + " ranks share " + std::to_string(group.query_heads.size()) +
           " query heads (problem.heads.query / cluster.tp); each needs one";
  }

  std::vector<Program> plan(const Problem& problem, const Group& group) const override {
    Shards shards{all_parts(query_chunk, problem, group.ranks), all_parts(cached_chunk, problem, group.ranks),
                  all_parts(kv_shard, problem, group.ranks), query_set(problem),
                  problem.kv_tokens() > problem.query_tokens(), {}};
    for (int rank = 0; rank < group.ranks; ++rank) {
      const std::vector<HeadRange> heads =
          within_groups_ ? slices_within_groups(problem, group.query_heads, group.ranks, rank)
                         : std::vector{head_part(group.query_heads, group.ranks, rank)};
      shards.shares.push_back({heads, kv_heads_of(problem, heads)});
    }
    std::vector<Program> programs;
    for (int rank = 0; rank < group.ranks; ++rank) {
      programs.push_back(Writer(problem, shards, rank).write(kv_heads_of(problem, group.query_heads)));
    }
    return programs;
  }

 private:
  bool within_groups_;
};

}  // namespace ringfold

using ringfold::BalancedRing;
RINGFOLD_STRATEGY(balanced_ring, BalancedRing, "Q split by heads, KV sent shard by shard, equal work in each iteration")
