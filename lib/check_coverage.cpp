#include "lib/check_coverage.h"

#include "lib/check_cover.h"
#include "lib/check_tiling.h"
#include "lib/lifetimes.h"

#include <optional>
#include <utility>

namespace ringfold {

namespace {

/// Where one rank has got to, and what its states have attended.
struct RankCovers {
  std::vector<Cover> covers;  ///< by block
  Lifetimes lifetimes;
  size_t next = 0;              ///< operation
  size_t exchange = 0;          ///< exchanges before it
  std::vector<size_t> waiting;  ///< ranks that wait for this one to get further
};

class Coverage {
 public:
  Coverage(const Schedule& schedule, const std::vector<RankExchanges>& exchanges, Findings& findings)
      : schedule_(schedule), exchanges_(exchanges), findings_(findings), ranks_(schedule.ranks.size()) {}

  void run() {
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      ranks_[rank].covers.assign(program(rank).blocks.size(), Cover(schedule_.problem));
      ranks_[rank].lifetimes = lifetimes_of(program(rank));
    }
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      std::vector<size_t> ready = {rank};
      while (!ready.empty()) {
        const size_t next = ready.back();
        ready.pop_back();
        advance(next);
        ready.insert(ready.end(), ranks_[next].waiting.begin(), ranks_[next].waiting.end());
        ranks_[next].waiting.clear();
      }
    }
  }

 private:
  const Program& program(size_t rank) const { return schedule_.ranks[rank]; }
  Cover& cover(size_t rank, BlockId block) { return ranks_[rank].covers[static_cast<size_t>(block)]; }
  bool is_state(size_t rank, BlockId block) const {
    return program(rank).blocks[static_cast<size_t>(block)].kind == BlockKind::state;
  }

  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    findings_.add(Proof::coverage, static_cast<int>(rank_), static_cast<int>(ranks_[rank_].next), format,
                  std::forward<Args>(args)...);
  }

  /// Does operations of the rank until one must wait for a state that another rank has not made yet.
  void advance(size_t rank) {
    const auto& operations = program(rank).operations;
    for (; ranks_[rank].next < operations.size(); ++ranks_[rank].next) {
      rank_ = rank;
      const Operation& operation = operations[ranks_[rank].next];
      if (const auto* exchange = std::get_if<Exchange>(&operation)) {
        if (!receive(*exchange)) return;
        ++ranks_[rank].exchange;
      } else if (const auto* attend = std::get_if<Attend>(&operation)) {
        this->attend(*attend);
      } else if (const auto* merge = std::get_if<Merge>(&operation)) {
        gather(merge->parts, merge->state, "merged");
      } else if (const auto* copy = std::get_if<Copy>(&operation)) {
        if (is_state(rank, copy->block)) gather(copy->parts, copy->block, "copied");
      } else if (const auto* finish = std::get_if<Finish>(&operation)) {
        this->finish(*finish);
      }
    }
  }

  bool receive(const Exchange& exchange) {
    const RankExchanges& mine = exchanges_[rank_];
    const size_t first = mine.first[ranks_[rank_].exchange] + exchange.sends.size();
    for (size_t i = 0; i < exchange.receives.size(); ++i) {
      if (!is_state(rank_, exchange.receives[i].block)) continue;
      const TransferEnd& from = mine.partners[first + i];
      RankCovers& sender = ranks_[static_cast<size_t>(from.rank)];
      if (sender.next >= static_cast<size_t>(from.operation)) continue;
      sender.waiting.push_back(rank_);
      return false;
    }
    for (size_t i = 0; i < exchange.receives.size(); ++i) {
      const BlockId block = exchange.receives[i].block;
      if (!is_state(rank_, block)) continue;
      const TransferEnd& from = mine.partners[first + i];
      const auto sender = static_cast<size_t>(from.rank);
      const auto& sent = std::get<Exchange>(program(sender).operations[static_cast<size_t>(from.operation)]);
      const View& view = sent.sends[static_cast<size_t>(from.index)].view;
      cover(rank_, block).add(cover(sender, view.block), view.tokens, view.heads);
    }
    return true;
  }

  void attend(const Attend& attend) {
    RankCovers& mine = ranks_[rank_];
    Cover& state = cover(rank_, attend.state);
    if (attend.state_in != kNoBlock) {
      const auto before = static_cast<size_t>(attend.state_in);
      // Nobody else reads it, so its cells need not be copied.
      if (mine.lifetimes.reads[before] == 1) {
        state = std::move(mine.covers[before]);
      } else {
        state = mine.covers[before];
      }
    }
    for (const View& kv : attend.kv) {
      if (attend.mask != schedule_.problem.mask && !same_under_mask(attend, kv)) return;
      const auto doubled = state.add(attend.q.tokens, attend.q.heads, kv.tokens);
      if (!doubled) continue;
      fail("keys {} attended twice for queries {}, the second time from {}", describe(doubled->keys, doubled->heads),
           to_string(TokenSet({doubled->queries})), describe(program(rank_), kv.block));
      return;
    }
  }

  /// Lets the attend's own mask through what the problem's does? Masks contain one another (window in causal in full),
  /// so it is enough to count.
  bool same_under_mask(const Attend& attend, const View& kv) {
    for (const TokenRange& range : attend.q.tokens.ranges()) {
      const TokenSet queries({range});
      const int64_t visible = visible_pairs(schedule_.problem.mask, queries, kv.tokens);
      const int64_t attended = visible_pairs(attend.mask, queries, kv.tokens);
      if (visible == attended) continue;
      fail(
          "under mask {} queries {} attend {} (query, key) pairs of keys {} in {}, but mask {} of the problem shows "
          "them {}",
          to_string(attend.mask), describe(range, attend.q.heads), attended, to_string(kv.tokens, 4),
          describe(program(rank_), kv.block), to_string(schedule_.problem.mask), visible);
      return false;
    }
    return true;
  }

  void gather(const std::vector<View>& parts, BlockId block, const char* verb) {
    Cover& state = cover(rank_, block);
    for (const View& part : parts) {
      const auto doubled = state.add(cover(rank_, part.block), part.tokens, part.heads);
      if (!doubled) continue;
      fail("keys {} {} twice for queries {}, the second time from {}", describe(doubled->keys, doubled->heads), verb,
           to_string(TokenSet({doubled->queries})), describe(program(rank_), part.block));
      return;
    }
  }

  void finish(const Finish& finish) {
    const auto missing = cover(rank_, finish.state.block).missing(finish.state.tokens, finish.state.heads);
    if (!missing) return;
    fail("queries {} have not attended keys {}, in {}", describe(missing->queries, missing->heads),
         to_string(TokenSet({missing->keys})), describe(program(rank_), finish.state.block));
  }

  const Schedule& schedule_;
  const std::vector<RankExchanges>& exchanges_;
  Findings& findings_;
  std::vector<RankCovers> ranks_;
  size_t rank_ = 0;
};

/// Every new token x query head must be an output of that kind on exactly one rank.
void check_outputs(const Schedule& schedule, BlockKind kind, Findings& findings) {
  std::vector<Tile> tiles;
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const Program& program = schedule.ranks[rank];
    for (const BlockId id : program.outputs) {
      const Block& block = program.blocks[static_cast<size_t>(id)];
      if (block.kind == kind) tiles.push_back({block.tokens, block.heads, static_cast<int>(rank), id});
    }
  }
  const auto fault = tiling_fault(tiles, query_set(schedule.problem), {0, schedule.problem.heads.query});
  if (!fault) return;
  const std::string what = describe(fault->tokens, fault->heads);
  if (fault->first == nullptr) {
    findings.add(Proof::coverage, -1, -1, "{} of queries {} ends on no rank", to_string(kind), what);
    return;
  }
  findings.add(Proof::coverage, fault->second->rank, -1,
               "{} of queries {} ends here in block {} and on rank {} in block {}", to_string(kind), what,
               fault->second->block, fault->first->rank, fault->first->block);
}

}  // namespace

void check_coverage(const Schedule& schedule, const std::vector<RankExchanges>& exchanges, Findings& findings) {
  Coverage(schedule, exchanges, findings).run();
  check_outputs(schedule, BlockKind::out, findings);
  check_outputs(schedule, BlockKind::lse, findings);
}

}  // namespace ringfold
