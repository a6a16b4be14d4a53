#include "experiments/rounds.h"

#include "lib/error.h"
#include "lib/placement.h"
#include "lib/strategy.h"

#include <nlohmann/json.hpp>

#include <map>
#include <mutex>
#include <utility>

namespace ringfold {

namespace {

using nlohmann::json;

/// The sequences of one round: what all rounds before it have brought is cached.
std::vector<Sequence> sequences_of(const std::vector<RoundSpec>& rounds, size_t round) {
  std::vector<Sequence> sequences(rounds.front().query.size());
  for (size_t s = 0; s < sequences.size(); ++s) {
    for (size_t earlier = 0; earlier < round; ++earlier) sequences[s].cached += rounds[earlier].query[s];
    sequences[s].query = rounds[round].query[s];
  }
  return sequences;
}

/// Tokens of the K and V that each rank of the first group starts with or projects.
std::vector<TokenSet> held_in(const Schedule& schedule) {
  std::vector<TokenSet> held(static_cast<size_t>(schedule.cluster.sp));
  for (size_t rank = 0; rank < held.size(); ++rank) {
    for (const BlockId id : own_blocks(schedule.ranks[rank])) {
      const Block& block = schedule.ranks[rank].blocks[static_cast<size_t>(id)];
      if (block.kind == BlockKind::kv) held[rank] = unite(held[rank], block.tokens);
    }
  }
  return held;
}

Case round_of(Case item, size_t round) {
  item.round = static_cast<int64_t>(round);
  item.problem.sequences = sequences_of(*item.rounds, round);
  item.strategy = (*item.rounds)[round].strategy;
  item.options = (*item.rounds)[round].options;
  return item;
}

Schedule plan_of(const Case& item) {
  const StrategyInfo* info = find_strategy(item.strategy);
  RINGFOLD_CHECK(info != nullptr, ExitCode::unavailable, "strategy {} is not built", item.strategy);
  const auto strategy = info->make(item.options);
  const auto reason = cluster_supports(*strategy, item.problem, item.cluster);
  RINGFOLD_CHECK(!reason, ExitCode::unavailable, "an earlier round (problem.rounds): {}", reason.value_or(""));
  return plan_cluster(*strategy, item.strategy, item.problem, item.cluster);
}

/// After which round of which case: the latest ones, since rounds are planned in turn.
class Known {
 public:
  std::pair<int64_t, std::vector<TokenSet>> find(const std::string& key, int64_t round) {
    const std::lock_guard lock(mutex_);
    const auto found = latest_.find(key);
    if (found == latest_.end() || found->second.first > round) return {-1, {}};
    return found->second;
  }
  void keep(const std::string& key, int64_t round, const std::vector<TokenSet>& held) {
    const std::lock_guard lock(mutex_);
    if (latest_.size() > kMost) latest_.clear();
    latest_[key] = {round, held};
  }

 private:
  static constexpr size_t kMost = 256;
  std::mutex mutex_;
  std::map<std::string, std::pair<int64_t, std::vector<TokenSet>>> latest_;
};

}  // namespace

std::shared_ptr<const std::vector<RoundSpec>> rounds_of(const json& problem, const Case& item) {
  if (!problem.contains("rounds") || !problem["rounds"].is_array()) return nullptr;
  auto rounds = std::make_shared<std::vector<RoundSpec>>();
  for (const json& said : problem["rounds"]) {
    RoundSpec round{said.at("query").get<std::vector<int64_t>>(), item.strategy, item.options};
    if (said.contains("strategy")) {
      const auto strategy = said["strategy"].begin();
      round.strategy = strategy.key();
      round.options = strategy.value().get<Options>();
    }
    rounds->insert(rounds->end(), static_cast<size_t>(said.at("repeat").get<int64_t>()), round);
  }
  return rounds;
}

std::vector<Case> split_rounds(Case item) {
  if (item.rounds == nullptr) return {std::move(item)};
  std::vector<Case> cases;
  const json canonical = json::parse(item.canonical);
  for (size_t round = 0; round < item.rounds->size(); ++round) {
    Case one = round_of(item, round);
    one.id = fmt::format("{}-r{}", item.id, round);
    json said = canonical;
    for (const Sequence& sequence : one.problem.sequences) {
      said["problem"]["sequences"].push_back({{"query", sequence.query}, {"cached", sequence.cached}});
    }
    one.canonical = said.dump();
    cases.push_back(std::move(one));
  }
  return cases;
}

std::string refused_rounds(const Case& item) {
  const bool recomputes = item.problem.layer && item.problem.layer->source == KvSource::recompute;
  if (item.rounds == nullptr || !recomputes) return "";
  return "problem.rounds: with problem.layer.source: recompute no K and V are kept from round to round";
}

std::vector<Sequence> all_sequences(const std::vector<RoundSpec>& rounds) {
  std::vector<Sequence> sequences(rounds.front().query.size());
  for (const RoundSpec& round : rounds) {
    for (size_t s = 0; s < sequences.size(); ++s) sequences[s].query += round.query[s];
  }
  return sequences;
}

Problem whole_problem(const Case& item) {
  Problem problem = item.problem;
  if (item.round) problem.sequences = all_sequences(*item.rounds);
  return problem;
}

std::vector<TokenSet> cache_after(const Case& item, const Schedule& schedule) {
  const Problem& problem = schedule.problem;
  if (!item.round || problem.placement == PlacementKind::heads) return {};
  const std::vector<TokenSet> held = held_in(schedule);
  const TokenSet cached = subtract(kv_set(problem), query_set(problem));
  int64_t tokens = 0;
  bool is_kept = true;
  for (size_t rank = 0; rank < held.size(); ++rank) {
    tokens += held[rank].size();
    if (!problem.cache.empty()) is_kept = is_kept && intersect(held[rank], cached) == problem.cache[rank];
  }
  RINGFOLD_CHECK(is_kept && tokens == problem.kv_tokens(), ExitCode::unavailable,
                 "problem.rounds: {} does not keep each token's K and V on one rank from round to round",
                 item.strategy);
  return held;
}

std::vector<TokenSet> cache_of(const Case& item) {
  static Known known;
  // Where rows are split by heads, every rank has all tokens of its heads, whatever the round.
  if (!item.round || *item.round == 0 || item.problem.placement == PlacementKind::heads) return {};
  const std::string key = fmt::format("{} {} {} {}", item.id.substr(0, item.id.rfind("-r")), item.cluster.sp,
                                      item.cluster.tp, to_string(item.problem.placement));
  auto [round, held] = known.find(key, *item.round - 1);
  while (++round < *item.round) {
    Case earlier = round_of(item, static_cast<size_t>(round));
    earlier.problem.cache = std::move(held);
    held = cache_after(earlier, plan_of(earlier));
  }
  known.keep(key, *item.round - 1, held);
  return held;
}

}  // namespace ringfold
