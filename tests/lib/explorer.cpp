#include "tests/lib/explorer.h"

#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace ringfold {

namespace {

/// (sender, receiver, tag) names a transfer.
using Name = std::tuple<int, int, uint64_t>;

/// All exchanges as lists of transfers, and every transfer's two ends.
struct Model {
  std::vector<std::vector<std::vector<int>>> exchanges;  ///< [rank][exchange] -> transfers
  std::vector<std::pair<int, int>> ends;                 ///< ranks of each transfer
};

Model model_of(const Schedule& schedule) {
  Model model;
  std::map<Name, int> number;
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    const int me = static_cast<int>(rank);
    auto& mine = model.exchanges.emplace_back();
    for (const Operation& operation : schedule.ranks[rank].operations) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      auto& transfers = mine.emplace_back();
      const auto add = [&](const Name& name) {
        const auto [it, fresh] = number.emplace(name, static_cast<int>(number.size()));
        if (fresh) model.ends.emplace_back(std::get<0>(name), std::get<1>(name));
        transfers.push_back(it->second);
      };
      for (const Send& send : exchange->sends) add({me, send.peer, send.tag});
      for (const Receive& receive : exchange->receives) add({receive.peer, me, receive.tag});
    }
  }
  return model;
}

/// How far each rank is, whether it has posted that exchange, and which transfers have met.
struct State {
  std::vector<int> at;
  std::vector<bool> posted;
  std::vector<bool> met;
  auto operator<=>(const State&) const = default;
};

class Explorer {
 public:
  explicit Explorer(const Model& model) : model_(model) {}

  Exploration run(size_t most_states) {
    const size_t ranks = model_.exchanges.size();
    State first{std::vector<int>(ranks, 0), std::vector<bool>(ranks, false),
                std::vector<bool>(model_.ends.size(), false)};
    std::vector<State> open = {first};
    std::set<State> seen = {first};
    bool some_end = false;
    bool some_hang = false;
    while (!open.empty()) {
      if (seen.size() > most_states) return {false, false, false, seen.size()};
      const State state = open.back();
      open.pop_back();
      const std::vector<State> next = successors(state);
      if (next.empty()) (all_ended(state) ? some_end : some_hang) = true;
      for (const State& it : next) {
        if (seen.insert(it).second) open.push_back(it);
      }
    }
    return {true, !some_hang, some_end && some_hang, seen.size()};
  }

 private:
  bool ended(const State& state, size_t rank) const {
    return static_cast<size_t>(state.at[rank]) == model_.exchanges[rank].size();
  }
  bool all_ended(const State& state) const {
    for (size_t rank = 0; rank < state.at.size(); ++rank) {
      if (!ended(state, rank)) return false;
    }
    return true;
  }
  bool holds(const State& state, int rank, int transfer) const {
    const auto r = static_cast<size_t>(rank);
    if (ended(state, r) || !state.posted[r]) return false;
    for (const int it : model_.exchanges[r][static_cast<size_t>(state.at[r])]) {
      if (it == transfer) return true;
    }
    return false;
  }

  std::vector<State> successors(const State& state) const {
    std::vector<State> next;
    for (size_t rank = 0; rank < state.at.size(); ++rank) {
      if (ended(state, rank)) continue;
      const auto& transfers = model_.exchanges[rank][static_cast<size_t>(state.at[rank])];
      bool done = state.posted[rank];
      for (const int it : transfers) done = done && state.met[static_cast<size_t>(it)];
      if (state.posted[rank] && !done) continue;
      next.push_back(state);
      if (done) ++next.back().at[rank];
      next.back().posted[rank] = !done;
    }
    for (size_t i = 0; i < model_.ends.size(); ++i) {
      const auto [sender, receiver] = model_.ends[i];
      const auto transfer = static_cast<int>(i);
      if (state.met[i] || !holds(state, sender, transfer) || !holds(state, receiver, transfer)) continue;
      next.push_back(state);
      next.back().met[i] = true;
    }
    return next;
  }

  const Model& model_;
};

}  // namespace

Exploration explore(const Schedule& schedule, size_t most_states) {
  const Model model = model_of(schedule);
  return Explorer(model).run(most_states);
}

}  // namespace ringfold
