#include "experiments/run_command.h"

#include "experiments/case_session.h"
#include "experiments/environment.h"
#include "experiments/experiment.h"
#include "experiments/group_runner.h"
#include "experiments/interrupts.h"
#include "experiments/load.h"
#include "experiments/report_error.h"
#include "experiments/reproduce.h"
#include "experiments/results.h"
#include "experiments/sha256.h"
#include "experiments/streams.h"
#include "experiments/table.h"
#include "experiments/team.h"
#include "experiments/text.h"
#include "experiments/timeline.h"
#include "lib/drill.h"
#include "lib/stop.h"
#include "lib/transport.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <set>
#include <thread>
#include <unistd.h>

namespace ringfold {
namespace {

std::string outcome_text(const Outcome& outcome) {
  if (outcome.status == Status::passed && !outcome.ranks_ms.empty()) {
    return fmt::format("passed, {} ms", number_text(median_ms(outcome.ranks_ms)));
  }
  return std::string(to_string(outcome.status)) + (outcome.reason.empty() ? "" : ": " + outcome.reason);
}

void print_table(const std::vector<Row>& rows) {
  fmt::print("{}", results_table(rows, table_style_of(STDOUT_FILENO)));
  RINGFOLD_CHECK(std::fflush(stdout) == 0, ExitCode::internal, "cannot write to standard output");
}

std::vector<std::vector<Case>> cases_to_run(const Experiment& experiment, const std::set<std::string>& done) {
  std::vector<std::vector<Case>> groups;
  for (const std::vector<size_t>& indices : groups_of(experiment.cases)) {
    std::vector<Case> group;
    for (size_t i : indices) {
      if (!done.contains(experiment.cases[i].id)) group.push_back(experiment.cases[i]);
    }
    if (!group.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<std::string> order_of(const Experiment& experiment) {
  std::vector<std::string> ids;
  for (const std::vector<size_t>& indices : groups_of(experiment.cases)) {
    for (size_t i : indices) ids.push_back(experiment.cases[i].id);
  }
  return ids;
}

struct Written {
  std::unique_ptr<Results> results;  ///< the leader's
  std::unique_ptr<Timeline> timeline;
};

/// All processes get the ids of the cases that are there already.
std::set<std::string> open_results(Team& team, const RunOptions& options, const std::string& name, Written& written) {
  const std::string ids = team.from_leader([&] {
    if (!options.timeline.empty()) written.timeline = std::make_unique<Timeline>(options.timeline);
    written.results =
        std::make_unique<Results>(options.out.empty() ? Results::default_folder(name) : options.out, options.resume);
    nlohmann::json done = nlohmann::json::array();
    for (const Row& row : written.results->rows()) done.push_back(row["id"].get<std::string>());
    return done.dump();
  });
  if (!options.timeline.empty() && !team.leads()) written.timeline = std::make_unique<Timeline>("");
  return nlohmann::json::parse(ids).get<std::set<std::string>>();
}

void run_all(Team& team, const RunOptions& options, const Experiment& experiment, const std::set<std::string>& done,
             Written& written) {
  const std::vector<std::vector<Case>> groups = cases_to_run(experiment, done);
  int64_t count = 0;
  for (const std::vector<Case>& group : groups) count += static_cast<int64_t>(group.size());
  Progress progress(count, team.leads());
  const Reproducer reproducer(options.file, options.overrides, experiment);
  const std::string folder = team.leads() ? written.results->folder() : "";
  GroupRunner runner(team, progress, {folder, options.save_outputs, options.save_inputs, written.timeline.get()});
  for (const std::vector<Case>& group : groups) {
    runner.run(group, [&](const Case& item, const Outcome& outcome) {
      if (!team.is_alone()) drill(team.world()->rank(), "write");
      if (!team.leads()) return;
      written.results->append(
          make_row(experiment.name, item, outcome, environment_json(item), reproducer.command(item)));
      progress.finished(reproducer.label(item), outcome_text(outcome));
    });
  }
}

/// A launcher's processes are the ranks: each case must have as many, and a transport that reaches them.
void check_ranks(const Team& team, const Experiment& experiment) {
  if (team.is_alone()) return;
  for (const Case& item : experiment.cases) {
    const Cluster& cluster = item.cluster;
    RINGFOLD_CHECK(cluster.ranks() == team.size(), ExitCode::configuration,
                   "cluster.sp {} x cluster.tp {} = {} ranks, but the launcher started {} processes", cluster.sp,
                   cluster.tp, cluster.ranks(), team.size());
    const TransportInfo* transport = find_transport(item.transport);
    RINGFOLD_CHECK(transport == nullptr || transport->spans_processes, ExitCode::configuration,
                   "transport: the ranks of {} are threads of one process, but the launcher started {} processes",
                   item.transport, team.size());
  }
}

/// Told before anything else: other builds may read another experiment from the same file, and put what they tell
/// each other into other words.
void agree_on_build(Team& team) {
  // The revision alone says nothing of compilers, options and changes that were never committed.
  team.agree("build",
             fmt::format("{} {} {}", version(), revision(), sha256_hex_of_file("/proc/self/exe").substr(0, 16)));
}

/// All processes must be about to do the same.
Experiment load_together(Team& team, const RunOptions& options) {
  if (!team.is_alone()) agree_on_build(team);
  Experiment experiment;
  team.together([&] {
    if (!team.is_alone()) check_drill(team.size());
    experiment = load_experiment(options.file, options.overrides, built_vocabulary());
    RINGFOLD_CHECK(!experiment.cases.empty(), ExitCode::nothing_to_run, "{} has nothing to run", options.file);
    check_ranks(team, experiment);
  });
  if (team.is_alone()) return experiment;
  std::string text = fmt::format("{} {} {} {}\n", experiment.name, options.save_outputs, options.save_inputs,
                                 !options.timeline.empty());
  for (const Case& item : experiment.cases) text += item.canonical + "\n";
  team.agree("experiment", sha256_hex(text).substr(0, 16));
  std::chrono::milliseconds deadline{};
  for (const Case& item : experiment.cases) deadline = std::max(deadline, deadline_of(item));
  team.set_deadline(deadline);
  return experiment;
}

/// Whether the run ended for something that another run may not meet.
bool may_go_on(const Team& team, const Error& error) {
  return error.code() == ExitCode::interrupted || (!team.is_alone() && team.world()->lost_within({}).has_value());
}

ExitCode run_with(Team& team, const RunOptions& options) {
  const Experiment experiment = load_together(team, options);
  Written written;
  const std::set<std::string> done = open_results(team, options, experiment.name, written);
  try {
    run_all(team, options, experiment, done, written);
  } catch (const Error& error) {
    if (!team.leads() || !may_go_on(team, error)) throw;
    std::string command = team.is_alone() ? "" : fmt::format("mpirun -n {} ", team.size());
    command += run_command_text(options.file, options.overrides);
    if (options.save_outputs) command += " --save-outputs";
    if (options.save_inputs) command += " --save-inputs";
    if (!options.timeline.empty()) command += " --timeline " + shell_quoted(options.timeline);
    throw Error(error.code(), fmt::format("{}; go on with: {} --resume --out {}", error.what(), command,
                                          shell_quoted(written.results->folder())));
  }
  if (!team.leads()) return ExitCode::ok;
  Results& results = *written.results;
  if (options.resume) results.sort_by(order_of(experiment));
  print_table(results.rows());
  tell("results: {}/results.jsonl\n", results.folder());
  if (written.timeline != nullptr) written.timeline->write();
  return exit_of(results.rows());
}

/// Ends this process if it does not end by itself: what it is busy with may never hear that a rank is lost.
void end_after_grace(ExitCode code) {
  std::thread([code] {
    std::this_thread::sleep_for(std::chrono::seconds(4));
    ::_exit(static_cast<int>(code));
  }).detach();
}

/// One process of several. The leader tells what all know; each tells that a rank is lost, at once: a launcher may be
/// about to end it.
ExitCode run_in_world(Team& team, const RunOptions& options) {
  World& world = *team.world();
  const std::string name = world.name_of(world.rank());
  world.on_lost([&](const Error& error) {
    tell("ringfold: {}: {}\n", name, error.what());
    end_after_grace(error.code());
  });
  const PatientInterrupts interrupts(world);
  ExitCode code = ExitCode::ok;
  try {
    code = run_with(team, options);
  } catch (const SharedError& error) {
    code = error.code();
  } catch (const Error& error) {
    code = error.code();
    team.give_up(error);
    const std::optional<Error> told = world.lost_within({});
    if (team.leads() && (!told || told->code() != code)) report_error(std::current_exception());
  } catch (const std::exception& error) {
    team.give_up(Error(ExitCode::internal, error.what()));
    code = report_error(std::current_exception());
  }
  // A survivor may have come to its end without an error.
  const std::optional<Error> lost = world.lost_within({});
  if (lost && code == ExitCode::ok) code = lost->code();
  return static_cast<ExitCode>(world.leave(static_cast<int>(code)));
}

/// However the run ends.
struct DrillNotice {
  ~DrillNotice() {
    if (const std::optional<std::string> missed = missed_drill()) tell("ringfold: {}\n", *missed);
  }
};

}  // namespace

void check_run_options(const RunOptions& options) {
  RINGFOLD_CHECK(!options.resume || !options.out.empty(), ExitCode::usage, "--resume needs --out DIR");
  check_drill(std::numeric_limits<int>::max());  // one that cannot be read
}

ExitCode run_command(const RunOptions& options) {
  listen_for_interrupts();
  const DrillNotice notice;
  std::unique_ptr<World> world;
  try {
    world = join_team();
  } catch (const SharedError& error) {
    return error.code();
  }
  Team team(std::move(world));
  return team.is_alone() ? run_with(team, options) : run_in_world(team, options);
}

}  // namespace ringfold
