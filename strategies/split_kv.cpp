// split_kv, P = 4, decode: K and V stay where they lie, by tokens; the few queries go to all of them, and every rank's
// partial result (O, LSE) goes to where it is merged, in fp32 and in the order of the ranks.
//
//   combine:      all_to_all                 gather                    tree
//   Q and O on    the owner of each head     rank 0                    rank 0
//   Q goes        from each to all           from 0 to all             0 to 2, then 0 to 1 and 2 to 3
//   states go     to the owner of the head   to 0, which merges all    1 to 0 and 3 to 2, merged; then 2 to 0, merged
//
// Rank r owns part r of the cached tokens, and of the new ones those at positions p with p mod P = r: runs of them go
// round like that where a sequence has more than P. Cost per rank, T new tokens: sent, all_to_all (P-1) T (theta +
// omega) / P; gather T omega, and (P-1) T theta by rank 0; tree at most T (omega + theta log2 P) in 2 ceil(log2 P)
// exchanges. One attend, over all heads of the group and the own keys. States are sent for the sequences that have keys
// on a rank. Source: split-KV decoding ("Flash-Decoding", T. Dao et al. 2023); decode of ivanium/sglang, pull
// request 5.

#include "lib/program_builder.h"
#include "lib/shards.h"
#include "lib/strategy.h"

#include <algorithm>

namespace ringfold {

namespace {

size_t at(int index) { return static_cast<size_t>(index); }

using Pairs = std::vector<std::pair<int, int>>;  ///< (from, to)

/// Between which ranks states move, round by round; Q comes the other way, last round first.
std::vector<Pairs> rounds_of(const std::string& combine, int ranks) {
  std::vector<Pairs> tree;
  for (int distance = 1; distance < ranks; distance *= 2) {
    tree.emplace_back();
    for (int from = distance; from < ranks; from += 2 * distance) tree.back().emplace_back(from, from - distance);
  }
  if (combine == "tree") return tree;
  Pairs at_once;
  for (int from = 0; from < ranks; ++from) {
    for (int to = 0; to < (combine == "gather" ? 1 : ranks); ++to) {
      if (from != to) at_once.emplace_back(from, to);
    }
  }
  return {at_once};
}

/// Writes the programs of a group, all at once.
class Writer {
 public:
  Writer(const Problem& problem, const Group& group, bool by_heads)
      : problem_(problem), heads_(group.query_heads), queries_(query_set(problem)), q_(at(group.ranks)) {
    for (int rank = 0; rank < group.ranks; ++rank) {
      const TokenSet keys = unite(cached_chunk(problem, group.ranks, rank), dealt_chunk(problem, group.ranks, rank));
      HeadRange owned = by_heads ? head_part(heads_, group.ranks, rank) : heads_;
      wanted_.push_back(owned);
      if (!by_heads && rank > 0) owned = {};
      rows_.push_back(queries_that_see(problem, keys));
      builders_.emplace_back(problem);
      owned_.push_back(builders_.back().input_q(queries_, owned));
      if (owned_.back() != kNoBlock) q_[at(rank)].push_back(owned_.back());
      kv_.push_back(builders_.back().input_kv(keys, kv_heads_of(problem, heads_)));
    }
  }

  std::vector<Program> write(const std::vector<Pairs>& rounds) {
    for (auto round = rounds.rbegin(); round != rounds.rend(); ++round) spread(*round);
    for (size_t rank = 0; rank < builders_.size(); ++rank) attend(rank);
    for (const Pairs& round : rounds) combine(round);
    std::vector<Program> programs;
    for (size_t rank = 0; rank < builders_.size(); ++rank) {
      builders_[rank].finish(states_[rank], owned_[rank]);
      programs.push_back(builders_[rank].take());
    }
    return programs;
  }

 private:
  void spread(const Pairs& round) {
    const std::vector<std::vector<BlockId>> before = q_;
    for (const auto& [from, to] : round) {
      if (before[at(to)].empty()) continue;
      const BlockId sent = before[at(to)].front();
      builders_[at(to)].send(from, 0, sent);
      const HeadRange heads = builders_[at(to)].block(sent).heads;
      q_[at(from)].push_back(builders_[at(from)].receive(to, 0, BlockKind::q, queries_, heads));
    }
    for (ProgramBuilder& builder : builders_) builder.end_exchange();
  }

  void attend(size_t rank) {
    ProgramBuilder& builder = builders_[rank];
    std::vector<View> parts;
    for (const BlockId block : q_[rank]) parts.push_back(builder.whole(block));
    BlockId q = parts.size() == 1 ? parts.front().block : kNoBlock;
    // One attend of all heads reads each key once.
    if (parts.size() > 1 && !rows_[rank].empty()) {
      q = builder.copy(std::move(parts), BlockKind::q, problem_.dtype, queries_, heads_);
    }
    states_.push_back(builder.attend(q, rows_[rank], {builder.whole(kv_[rank])}, kNoBlock));
  }

  void combine(const Pairs& round) {
    std::vector<std::vector<std::pair<int, View>>> parts(builders_.size());
    for (const auto& [from, to] : round) {
      const BlockId state = states_[at(from)];
      if (state == kNoBlock || wanted_[at(to)].empty()) continue;
      builders_[at(from)].send(to, 1, builders_[at(from)].part(state, rows_[at(from)], wanted_[at(to)]));
      const BlockId arriving = builders_[at(to)].receive(from, 1, BlockKind::state, rows_[at(from)], wanted_[at(to)]);
      parts[at(to)].emplace_back(from, builders_[at(to)].whole(arriving));
    }
    for (size_t rank = 0; rank < builders_.size(); ++rank) {
      builders_[rank].end_exchange();
      if (parts[rank].empty()) continue;
      const View own = builders_[rank].part(states_[rank], rows_[rank], wanted_[rank]);
      if (states_[rank] != kNoBlock) parts[rank].emplace_back(static_cast<int>(rank), own);
      std::ranges::sort(parts[rank], {}, &std::pair<int, View>::first);
      std::vector<View> views;
      for (const auto& [from, view] : parts[rank]) {
        rows_[rank] = unite(rows_[rank], view.tokens);
        views.push_back(view);
      }
      states_[rank] = builders_[rank].merge(std::move(views), rows_[rank], wanted_[rank]);
    }
  }

  const Problem& problem_;
  HeadRange heads_;
  TokenSet queries_;
  std::vector<HeadRange> wanted_;         ///< [rank]: heads of the states that it merges
  std::vector<TokenSet> rows_;            ///< [rank]: queries of its state
  std::vector<ProgramBuilder> builders_;  ///< [rank], and so are the blocks
  std::vector<BlockId> owned_, kv_, states_;
  std::vector<std::vector<BlockId>> q_;  ///< [rank]: what it has of Q
};

}  // namespace

class SplitKv final : public Strategy {
 public:
  explicit SplitKv(const Options& options) : combine_(options.at("combine")) {}
  static std::vector<OptionSpec> options() {
    return {{"combine", {"all_to_all", "gather", "tree"}, "partial results go to each head's owner, or to rank 0"}};
  }

  std::vector<Program> plan(const Problem& problem, const Group& group) const override {
    return Writer(problem, group, combine_ == "all_to_all").write(rounds_of(combine_, group.ranks));
  }

 private:
  std::string combine_;
};

}  // namespace ringfold

using ringfold::SplitKv;
RINGFOLD_STRATEGY(split_kv, SplitKv, "Decode: KV stays, queries go to it, partial results are merged where heads live")
