// The forwards of a group: who does one when, and how many there are.
#include "experiments/group_runner.h"
#include "experiments/table.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace ringfold {

/// Warm-ups, then repeats until there are enough.
void GroupRunner::run_rounds(std::vector<Running>& cases) {
  const Measure& measure = cases.front().planned.item.measure;
  Repeats repeats(measure, cases.size());
  const auto share = [&](int64_t done) {
    const auto steps = static_cast<double>(std::max(measure.warmup + measure.repeats, done + 1));
    return kShareOfRounds * static_cast<double>(cases.size()) * static_cast<double>(done) / steps;
  };
  ClockWatch clock;
  if (team_.leads()) clock.begin();  // before the warm-ups: caches are warm for the first repeat
  for (int64_t i = 0; i < measure.warmup; ++i) round(cases, i, "warm-up", share(i));
  if (team_.leads()) gpus_ = GpuWatch(gpus_here(cases.front().planned.item));
  for (bool is_enough = false; !is_enough;) {
    const int64_t done = repeats.rounds();
    round(cases, measure.warmup + done, fmt::format("repeat {}/{}", done + 1, std::max(measure.repeats, done + 1)),
          share(measure.warmup + done));
    is_enough = add_round(cases, repeats);
  }
  if (!team_.leads()) return;
  gpus_.end();
  clock_ratio_ = clock.ratio();
}

/// All: tells the leader's repeats what the round took. Whether they are enough.
bool GroupRunner::add_round(const std::vector<Running>& cases, Repeats& repeats) {
  if (!repeats.depend_on_time()) {
    repeats.add(std::vector<std::optional<double>>(cases.size()));
    return repeats.are_enough();
  }
  nlohmann::json mine = nlohmann::json::array();  // [case][rank], empty for one that has failed
  for (const Running& running : cases) {
    mine.push_back(running.session && !running.has_failed ? running.session->latest_ms() : std::vector<double>());
  }
  const std::string answer = team_.decide(mine.dump(), [&](const std::vector<std::string>& all) {
    std::vector<std::optional<double>> slowest(cases.size(), 0.0);
    for (const std::string& text : all) {
      const auto theirs = nlohmann::json::parse(text).get<std::vector<std::vector<double>>>();
      for (size_t i = 0; i < cases.size(); ++i) {
        if (theirs[i].empty()) slowest[i].reset();
        if (slowest[i]) slowest[i] = std::max(*slowest[i], *std::ranges::max_element(theirs[i]));
      }
    }
    repeats.add(slowest);
    return std::string(repeats.are_enough() ? "enough" : "");
  });
  if (!team_.leads()) repeats.add(std::vector<std::optional<double>>(cases.size()));
  return !answer.empty();
}

/// Every case does one forward, and so does the ideal; in random order, lest one always come after the same other.
void GroupRunner::round(std::vector<Running>& cases, int64_t number, const std::string& doing, double share) {
  const uint64_t seed = std::stoull(cases.front().planned.item.id, nullptr, 16);
  for (const size_t i : round_order(seed, number, cases.size() + 1)) {
    check_not_interrupted();
    if (i == cases.size()) {
      step_ideal();
      continue;
    }
    Running& running = cases[i];
    if (!running.session) continue;
    progress_.show(strategy_label(running.planned.item.strategy, running.planned.item.options) + " " + doing, share);
    if (!running.session->step()) running.has_failed = true;
  }
}

/// All: the leader's step, for which the others wait where no case's deadline counts.
void GroupRunner::step_ideal() {
  if (!ideal_.planned.item.measure.ideal) return;
  team_.together([&] {
    if (ideal_.session) ideal_.session->step();
  });
}

}  // namespace ringfold
