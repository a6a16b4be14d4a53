#include "experiments/group_runner.h"

#include "experiments/output_file.h"
#include "experiments/table.h"
#include "experiments/text.h"
#include "experiments/timing_notes.h"
#include "lib/kernel.h"
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

constexpr double kCoreSeconds = 0.05;

}  // namespace

void GroupRunner::check_not_interrupted() { RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted"); }

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
    cases.push_back({std::move(planned)});
  }
}

void GroupRunner::run(const std::vector<Case>& group, const Ended& ended) {
  std::vector<Running> cases;
  plan(group, cases);
  std::vector<const PlannedCase*> planned;
  for (const Running& running : cases) planned.push_back(&running.planned);
  const Case& any = group.front();
  const int64_t shared = shared_bytes(any) * team_.ranks_here(1);
  if (team_.all_of(fit_together(planned, find_kernel(any.kernel), team_.ranks_here(any.cluster.ranks()), shared))) {
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
  // Known to all processes alike, whatever becomes of a case on one of them later.
  const bool is_any_proved =
      std::ranges::any_of(cases, [](const Running& running) { return running.planned.is_proved(); });
  if (is_any_proved) {
    start_all(cases);
    run_rounds(cases);
  }
  if (ideal_.session) {
    const Outcome outcome = ideal_.session->finish();
    if (!outcome.ranks_ms.empty()) ideal_ms_ = median_ms(outcome.ranks_ms);
    ideal_.session.reset();
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    check_not_interrupted();
    progress_.show("judging", kShareOfRounds * static_cast<double>(cases.size() - i));
    finish(cases[i], ended);
  }
  ideal_ms_.reset();
}

void GroupRunner::start_all(std::vector<Running>& cases) {
  measure_core();
  // The first case that runs looks at the link, too, unless one has before.
  bool wants_link =
      !team_.from_leader([&] { return links_gbps_.contains(cases.front().planned.item.transport) ? "" : "link"; })
           .empty();
  for (Running& running : cases) {
    running.measures_link = wants_link && running.planned.is_proved() && running.planned.item.cluster.ranks() > 1;
    if (running.measures_link) wants_link = false;
    start(running);
  }
  start_ideal(cases);
}

/// Once a run.
void GroupRunner::measure_core() {
  if (team_.leads() && !core_gflops_) core_gflops_ = core_gflops(kCoreSeconds);
}

CaseSession::Setup GroupRunner::prepare(const PlannedCase& planned, bool measures_link) {
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
  setup.measures_link = measures_link;
  setup.label = strategy_label(item.strategy, item.options) + " " + item.id;
  return setup;
}

void GroupRunner::start(Running& running) {
  if (!running.planned.is_proved()) return;
  try {
    CaseSession::Setup setup;
    team_.together([&] {
      try {
        setup = prepare(running.planned, running.measures_link);
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

/// With the first strategy that plans for one rank: on one, all of them are one attend.
void GroupRunner::start_ideal(const std::vector<Running>& cases) {
  const Case& any = cases.front().planned.item;
  ideal_.planned.item = on_one_rank(any);
  if (!any.measure.ideal || !team_.leads()) return;
  for (const Running& running : cases) {
    if (!running.planned.is_proved()) continue;
    ideal_.planned = plan_case(on_one_rank(running.planned.item));
    if (!ideal_.planned.is_proved() || !missing_for(ideal_.planned, 1).empty()) continue;
    CaseSession::Setup setup;
    setup.inputs = &data_.inputs(any);
    ideal_.session = std::make_unique<CaseSession>(ideal_.planned, setup);
    return;
  }
}

/// GPUs of this host that the case's ranks use.
int GroupRunner::gpus_here(const Case& item) const {
  const KernelInfo* kernel = find_kernel(item.kernel);
  return kernel == nullptr || kernel->devices == nullptr ? 0 : team_.ranks_here(item.cluster.ranks());
}

void GroupRunner::finish(Running& running, const Ended& ended) {
  Outcome outcome = running.planned.outcome;
  if (running.session) {
    outcome = running.session->finish();
    running.session.reset();
  }
  const Case& item = running.planned.item;
  if (!outcome.ranks_ms.empty()) {
    outcome.notes = timing_notes(item.measure, slowest_ms(outcome.ranks_ms), clock_ratio_);
    outcome.notes.insert(outcome.notes.end(), gpus_.notes().begin(), gpus_.notes().end());
    const std::string_view note = find_transport(item.transport)->note_on_threads;
    if (!note.empty() && team_.is_alone() && gpus_here(item) > 1) outcome.notes.emplace_back(note);
    outcome.rates.gpu_clocks = gpus_.text();
  }
  if (outcome.rates.link_gbps) links_gbps_[item.transport] = *outcome.rates.link_gbps;
  const auto link = links_gbps_.find(item.transport);
  if (link != links_gbps_.end()) outcome.rates.link_gbps = link->second;
  outcome.rates.peak_gflops_core = core_gflops_;
  if (ideal_ms_ && outcome.status == Status::passed) {
    outcome.ideal_ms = *ideal_ms_ / item.cluster.ranks();
  }
  ended(item, outcome);
}

}  // namespace ringfold
