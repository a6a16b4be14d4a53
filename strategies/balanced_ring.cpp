// balanced_ring, P = 4: Q and O split by heads, K and V by tokens: rank r holds Q[all tokens, its query heads] and
// K, V[token shard r, all kv heads], and is sent, shard by shard, the kv heads that its query heads read.
//
//   rank 1, iteration       0       1       2        3        Iteration i works on shard s = r-i (mod P): the diagonal,
//   KV shard arriving       1       0       3        2        Q shard s on KV s; and for each shard t that came before,
//   Q0 on KV                .       0\      .        .        the block (Q max(s,t), KV min(s,t)), unmasked. Meanwhile
//   Q1 on KV                1\      0       .        .        the own shard goes to r+i+1 and that of r-i-1 arrives:
//   Q2 on KV                .       .       .        0 1 2\   direct sends, nothing is passed on. 1 diagonal and i full
//   Q3 on KV                .       .       0 1 3\   2        blocks, in each iteration i on every rank.
//
// Cost per rank: P - 1 exchanges; (n kappa / Hkv) * (sum of h_q over the other ranks q) bytes sent, where rank q reads
// h_q kv heads: (P-1) n kappa / P when P divides Hkv, (P-1) n kappa with `within_groups`. Resident: S kappa h_r / Hkv,
// and an fp32 state over all queries. 2P-1 + max(0, P-2-r) attends: a diagonal and at most two rectangles an iteration.
// Cached tokens: a shard holds 1/P of them, seen by all queries when it arrives. Full mask: also (Q min, KV max).
// Query heads: `contiguous`, or `within_groups`: a slice of every kv group, each with a Q block and a state of its own.
// Source: the sequence-parallel prefill of ivanium/sglang, pull request 2 (there: within_groups).

#include "lib/program_builder.h"
#include "lib/shards.h"
#include "lib/strategy.h"

namespace ringfold {

namespace {

size_t at(int index) { return static_cast<size_t>(index); }

/// What all ranks of the group know.
struct Shards {
  std::vector<TokenSet> fresh;  ///< [shard]: its new tokens, and its rows of Q
  std::vector<TokenSet> held;   ///< [shard]: its new and its cached tokens
  std::vector<TokenSet> kv;     ///< [shard]: those of them that some query sees: nothing else is sent
  TokenSet queries;             ///< all new tokens
  std::vector<std::vector<HeadRange>> query_heads;  ///< [rank][slice]
  std::vector<std::vector<HeadRange>> kv_heads;     ///< [rank][run]: what the rank's query heads read
};

/// Writes the program of one rank.
class Writer {
 public:
  Writer(const Problem& problem, const Shards& shards, int rank)
      : problem_(problem), shards_(shards), rank_(rank), builder_(problem) {}

  Program write(const HeadRange& kv_heads) {
    const std::vector<HeadRange>& slices = shards_.query_heads[at(rank_)];
    for (const HeadRange& heads : slices) q_.push_back(builder_.input_q(shards_.queries, heads));
    states_.assign(slices.size(), kNoBlock);
    const BlockId own = builder_.input_kv(shards_.held[at(rank_)], kv_heads);
    const BlockId sent = ranks_ > 1 ? builder_.pack(own, shards_.kv[at(rank_)]) : kNoBlock;
    kv_.resize(shards_.kv.size());
    kv_[at(rank_)] = {own};
    for (int i = 0; i < ranks_; ++i) {
      if (i < ranks_ - 1) exchange(i, sent, (rank_ + i + 1) % ranks_, (rank_ - i - 1 + ranks_) % ranks_);
      for (size_t slice = 0; slice < slices.size(); ++slice) attend(slice, (rank_ - i + ranks_) % ranks_);
    }
    for (size_t slice = 0; slice < slices.size(); ++slice) builder_.finish(states_[slice], q_[slice]);
    return builder_.take();
  }

 private:
  void exchange(int iteration, BlockId sent, int to, int from) {
    uint64_t tag = static_cast<uint64_t>(iteration);
    for (const HeadRange& heads : shards_.kv_heads[at(to)]) {
      builder_.send(to, tag, builder_.part(sent, shards_.kv[at(rank_)], heads));
      tag += kNextRun;
    }
    tag = static_cast<uint64_t>(iteration);
    for (const HeadRange& heads : shards_.kv_heads[at(rank_)]) {
      kv_[at(from)].push_back(builder_.receive(from, tag, BlockKind::kv, shards_.kv[at(from)], heads));
      tag += kNextRun;
    }
    builder_.end_exchange();
  }

  /// What the iteration in which shard s has arrived does for one slice of heads. Shards s+1..last came before it
  /// and, once the numbers have wrapped, 0..rank as well.
  void attend(size_t slice, int s) {
    const bool full = problem_.mask.kind == MaskKind::full;
    const bool wrapped = s > rank_;
    const int last = wrapped ? ranks_ - 1 : rank_;
    const TokenSet& queries = shards_.fresh[at(s)];
    TokenSet column = query_chunks(problem_, ranks_, s + 1, last + 1);
    if (wrapped && full) column = unite(query_chunks(problem_, ranks_, 0, rank_ + 1), column);
    std::vector<View> row;
    for (int t = 0; wrapped && t <= rank_; ++t) append(row, t, shards_.fresh[at(t)]);
    for (int t = s + 1; full && t <= last; ++t) append(row, t, shards_.fresh[at(t)]);
    std::vector<View> arrived, old;
    const TokenSet cached = subtract(shards_.kv[at(s)], queries);
    append(arrived, s, shards_.kv[at(s)]);
    append(old, s, cached);
    // With cached tokens row and diagonal are one, so that those tokens make no fourth attend.
    if (cached.empty()) {
      fold(slice, queries, arrived);
    } else {
      row.insert(row.end(), arrived.begin(), arrived.end());
    }
    fold(slice, queries, std::move(row));
    fold(slice, column, std::move(arrived));
    fold(slice, subtract(shards_.queries, unite(queries, column)), std::move(old));
  }

  void append(std::vector<View>& views, int shard, const TokenSet& tokens) {
    for (const BlockId block : kv_[at(shard)]) views.push_back(builder_.part(block, tokens));
  }

  void fold(size_t slice, const TokenSet& queries, std::vector<View> kv) {
    states_[slice] = builder_.attend(q_[slice], queries, std::move(kv), states_[slice], shards_.queries);
  }

  static constexpr uint64_t kNextRun = uint64_t{1} << 32;  // one tag for each run of heads in an iteration

  const Problem& problem_;
  const Shards& shards_;
  int rank_;
  int ranks_ = static_cast<int>(shards_.kv.size());
  ProgramBuilder builder_;
  std::vector<BlockId> q_;                ///< [slice]
  std::vector<BlockId> states_;           ///< [slice]
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
    const int ranks = group.ranks;
    const std::vector<TokenSet> held = all_parts(kv_shard, problem, ranks);
    Shards shards{all_parts(query_chunk, problem, ranks), held, seen_parts(problem, held), query_set(problem), {}, {}};
    for (int rank = 0; rank < ranks; ++rank) {
      shards.query_heads.push_back(within_groups_ ? slices_within_groups(problem, group.query_heads, ranks, rank)
                                                  : std::vector{head_part(group.query_heads, ranks, rank)});
      shards.kv_heads.push_back(kv_heads_of(problem, shards.query_heads.back()));
    }
    std::vector<Program> programs;
    for (int rank = 0; rank < ranks; ++rank) {
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
