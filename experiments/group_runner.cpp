#include "experiments/group_runner.h"

#include "experiments/memory.h"
#include "experiments/output_file.h"
#include "experiments/table.h"
#include "experiments/text.h"
#include "lib/stop.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <system_error>

namespace ringfold {
namespace {

std::string group_key(const Case& item) {
  nlohmann::json json = nlohmann::json::parse(item.canonical);
  json.erase("strategies");
  return json.dump();
}

/// The whole problem on one rank, with the same kernel.
Case on_one_rank(Case item) {
  item.cluster = Cluster{};
  item.problem.placement = PlacementKind::native;
  item.transport = "in_process";  // one rank exchanges nothing
  return item;
}

void check_not_interrupted() { RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted"); }

}  // namespace

std::vector<std::vector<size_t>> groups_of(const std::vector<Case>& cases) {
  std::vector<std::string> keys;
  std::vector<std::vector<size_t>> groups;
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string key = group_key(cases[i]);
    const auto group = static_cast<size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
    if (group == keys.size()) {
      keys.push_back(key);
      groups.emplace_back();
    }
    groups[group].push_back(i);
  }
  return groups;
}

void GroupRunner::plan(const std::vector<Case>& group, std::vector<Running>& cases) {
  for (const Case& item : group) {
    check_not_interrupted();
    progress_.show("planning " + strategy_label(item.strategy, item.options));
    PlannedCase planned = plan_case(item);
    const int here = team_.ranks_here(item.cluster.ranks());
    const std::string missing =
        team_.first_of(planned.is_proved() ? missing_for(planned, here) : planned.outcome.reason);
    if (planned.is_proved() && !missing.empty()) {
      planned.outcome.status = Status::skipped;
      planned.outcome.exit = ExitCode::unavailable;
      planned.outcome.reason = missing;
      planned.schedule.reset();
    }
    cases.push_back({std::move(planned), nullptr});
  }
}

void GroupRunner::run(const std::vector<Case>& group, const Ended& ended) {
  std::vector<Running> cases;
  plan(group, cases);
  const Case& any = group.front();
  const int here = team_.ranks_here(any.cluster.ranks());
  int64_t needed = shared_bytes(any) * team_.ranks_here(1);
  for (const Running& running : cases) {
    if (running.planned.is_proved()) needed += memory_bytes(running.planned, here);
  }
  if (team_.all_of(needed <= available_memory_bytes())) {
    run_together(cases, ended);
    return;
  }
  for (Running& running : cases) {
    std::vector<Running> alone;
    alone.push_back(std::move(running));
    run_together(alone, ended);
  }
}

void GroupRunner::run_together(std::vector<Running>& cases, const Ended& ended) {
  for (Running& running : cases) start(running);
  const Case& any = cases.front().planned.item;
  start_ideal(any);
  const int64_t steps = any.measure.warmup + any.measure.repeats;
  // The work before the last step, in cases: what the time left is reckoned from.
  const double share = static_cast<double>(cases.size()) / static_cast<double>(steps);
  for (int64_t i = 0; i + 1 < steps; ++i) {
    const bool is_warmup = i < any.measure.warmup;
    step(cases, is_warmup ? "warm-up" : fmt::format("repeat {}/{}", i - any.measure.warmup + 1, any.measure.repeats),
         share * static_cast<double>(i));
  }
  step_ideal();
  if (ideal_.session) {
    const Outcome outcome = ideal_.session->finish();
    if (!outcome.ranks_ms.empty()) ideal_ms_ = median_ms(outcome.ranks_ms);
    ideal_.session.reset();
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    check_not_interrupted();
    const auto open = static_cast<double>(cases.size() - i);
    progress_.show("last repeat", open * (1 - 1 / static_cast<double>(steps)));
    if (cases[i].session) cases[i].session->step();
    finish(cases[i], ended);
  }
  ideal_ms_.reset();
}

/// Every case does one forward.
void GroupRunner::step(std::vector<Running>& cases, const std::string& doing, double share) {
  for (Running& running : cases) {
    check_not_interrupted();
    if (!running.session) continue;
    progress_.show(strategy_label(running.planned.item.strategy, running.planned.item.options) + " " + doing, share);
    running.session->step();
  }
  step_ideal();
}

/// All: the leader's step, for which the others wait where no case's deadline counts.
void GroupRunner::step_ideal() {
  if (!ideal_.planned.item.measure.ideal) return;
  team_.together([&] {
    if (ideal_.session) ideal_.session->step();
  });
}

CaseSession::Setup GroupRunner::prepare(const PlannedCase& planned) {
  const Case& item = planned.item;
  CaseSession::Setup setup;
  setup.world = team_.world();
  setup.inputs = &data_.inputs(item);
  const auto doing = [&](const std::string& what, double share) {
    progress_.show(fmt::format("{} {:.0f}%", what, 100 * share));
  };
  const Program* rank =
      setup.world == nullptr ? nullptr : &planned.schedule->ranks[static_cast<size_t>(setup.world->rank())];
  setup.judge = &data_.judge(item, doing, rank);
  const std::string stem = save_.folder + "/" + item.id;
  if (save_.inputs && team_.leads()) save_inputs(stem + ".inputs.safetensors", *setup.inputs);
  if (save_.outputs) setup.save_outputs = stem + ".safetensors";
  setup.timeline = save_.timeline;
  setup.label = strategy_label(item.strategy, item.options) + " " + item.id;
  return setup;
}

void GroupRunner::start(Running& running) {
  if (!running.planned.is_proved()) return;
  try {
    CaseSession::Setup setup;
    team_.together([&] {
      try {
        setup = prepare(running.planned);
      } catch (const std::bad_alloc&) {
        throw Error(ExitCode::unavailable, "not enough memory for inputs and references");
      }
    });
    running.session = std::make_unique<CaseSession>(running.planned, setup);
  } catch (const Error& error) {
    if (error.code() == ExitCode::interrupted) throw;
    running.planned.outcome = outcome_of(error);
  } catch (const std::system_error& error) {
    running.planned.outcome =
        outcome_of(Error(ExitCode::unavailable, fmt::format("no thread for it: {}", error.what())));
  }
}

void GroupRunner::start_ideal(const Case& item) {
  ideal_.planned.item = on_one_rank(item);
  if (!item.measure.ideal || !team_.leads()) return;
  ideal_.planned = plan_case(ideal_.planned.item);
  if (!ideal_.planned.is_proved() || !missing_for(ideal_.planned, 1).empty()) return;
  CaseSession::Setup setup;
  setup.inputs = &data_.inputs(item);
  ideal_.session = std::make_unique<CaseSession>(ideal_.planned, setup);
}

void GroupRunner::finish(Running& running, const Ended& ended) {
  Outcome outcome = running.planned.outcome;
  if (running.session) {
    outcome = running.session->finish();
    running.session.reset();
  }
  if (ideal_ms_ && outcome.status == Status::passed) {
    outcome.ideal_ms = *ideal_ms_ / running.planned.item.cluster.ranks();
  }
  ended(running.planned.item, outcome);
}

}  // namespace ringfold
