#include "lib/check_deadlock.h"

#include <algorithm>

namespace ringfold {

namespace {

class Rendezvous {
 public:
  explicit Rendezvous(const std::vector<RankExchanges>& exchanges)
      : exchanges_(exchanges),
        current_(exchanges.size(), 0),
        posted_(exchanges.size(), kNotPosted),
        unmet_(exchanges.size(), 0) {}

  void run() {
    for (size_t rank = 0; rank < exchanges_.size(); ++rank) {
      post(rank);
      while (!ended_.empty()) {
        const size_t next = ended_.back();
        ended_.pop_back();
        ++current_[next];
        post(next);
      }
    }
  }

  bool stuck(size_t rank) const { return current_[rank] < exchanges_[rank].operations.size(); }
  int32_t operation(size_t rank) const { return exchanges_[rank].operations[current_[rank]]; }

  /// The partner of the first transfer of the stuck rank that cannot meet; index tells which of its ends it is.
  TransferEnd waits_for(size_t rank, size_t& index) const {
    const RankExchanges& mine = exchanges_[rank];
    for (size_t i = mine.first[current_[rank]]; i < mine.first[current_[rank] + 1]; ++i) {
      const TransferEnd& partner = mine.partners[i];
      index = i - mine.first[current_[rank]];
      if (posted_[static_cast<size_t>(partner.rank)] < partner.operation) return partner;
    }
    return {};
  }

 private:
  static constexpr int32_t kNotPosted = -1;

  /// Makes the rank's current exchange, and those after it that have nothing to wait for, meet what is posted.
  void post(size_t rank) {
    const RankExchanges& mine = exchanges_[rank];
    for (; stuck(rank); ++current_[rank]) {
      posted_[rank] = operation(rank);
      unmet_[rank] = mine.first[current_[rank] + 1] - mine.first[current_[rank]];
      for (size_t i = mine.first[current_[rank]]; i < mine.first[current_[rank] + 1]; ++i) {
        const TransferEnd& partner = mine.partners[i];
        const auto peer = static_cast<size_t>(partner.rank);
        if (posted_[peer] != partner.operation) continue;
        --unmet_[rank];
        if (--unmet_[peer] == 0) ended_.push_back(peer);
      }
      if (unmet_[rank] > 0) return;
    }
  }

  const std::vector<RankExchanges>& exchanges_;
  std::vector<size_t> current_;  ///< index of the exchange in flight
  std::vector<int32_t> posted_;  ///< its operation
  std::vector<size_t> unmet_;    ///< its transfers that have not met
  std::vector<size_t> ended_;    ///< ranks whose exchange has ended and that must go on
};

/// Follows who waits for whom from `rank` until a rank comes again: that part is the cycle.
std::vector<size_t> wait_cycle(const Rendezvous& rendezvous, size_t rank, size_t ranks) {
  std::vector<size_t> path;
  std::vector<bool> seen(ranks, false);
  size_t unused = 0;
  while (!seen[rank]) {
    seen[rank] = true;
    path.push_back(rank);
    rank = static_cast<size_t>(rendezvous.waits_for(rank, unused).rank);
  }
  path.erase(path.begin(), std::find(path.begin(), path.end(), rank));
  return path;
}

std::string wait_text(const Schedule& schedule, const Rendezvous& rendezvous, size_t rank) {
  size_t index = 0;
  const TransferEnd partner = rendezvous.waits_for(rank, index);
  const auto& operations = schedule.ranks[rank].operations;
  const auto& exchange = std::get<Exchange>(operations[static_cast<size_t>(rendezvous.operation(rank))]);
  const bool sends = index < exchange.sends.size();
  return fmt::format("{} rank {}, which {} at operation {} but is held at operation {}",
                     sends ? "sends to" : "receives from", partner.rank, sends ? "receives" : "sends",
                     partner.operation, rendezvous.operation(static_cast<size_t>(partner.rank)));
}

}  // namespace

void check_deadlock(const Schedule& schedule, const std::vector<RankExchanges>& exchanges, Findings& findings) {
  Rendezvous rendezvous(exchanges);
  rendezvous.run();
  size_t first = 0;
  size_t stuck = 0;
  for (size_t rank = exchanges.size(); rank-- > 0;) {
    if (!rendezvous.stuck(rank)) continue;
    first = rank;
    ++stuck;
  }
  if (stuck == 0) return;
  const std::vector<size_t> cycle = wait_cycle(rendezvous, first, exchanges.size());
  std::string text;
  constexpr size_t kMost = 4;
  for (size_t i = 0; i < std::min(cycle.size(), kMost); ++i) {
    text += i == 0 ? wait_text(schedule, rendezvous, cycle[i])
                   : fmt::format("; rank {}, operation {} {}", cycle[i], rendezvous.operation(cycle[i]),
                                 wait_text(schedule, rendezvous, cycle[i]));
  }
  if (cycle.size() > kMost) text += fmt::format("; and {} ranks more", cycle.size() - kMost);
  findings.add(Proof::deadlock, static_cast<int>(cycle[0]), rendezvous.operation(cycle[0]),
               "waits in a cycle of {} ranks, {} never end: {}", cycle.size(), stuck, text);
}

}  // namespace ringfold
