#include "experiments/run_command.h"

#include "experiments/environment.h"
#include "experiments/experiment.h"
#include "experiments/group_runner.h"
#include "experiments/load.h"
#include "experiments/reproduce.h"
#include "experiments/results.h"
#include "experiments/table.h"
#include "experiments/text.h"
#include "experiments/timeline.h"
#include "lib/stop.h"

#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdio>
#include <memory>
#include <unistd.h>

namespace ringfold {
namespace {

extern "C" void on_interrupt(int) {
  // The second time, whoever asks does not want to wait.
  if (stop_requested()) ::_exit(static_cast<int>(ExitCode::interrupted));
  request_stop();
}

void listen_for_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  // A reader of the table that goes away must not end the run.
  ::signal(SIGPIPE, SIG_IGN);
  // A file over the shell's limit is a full disk like any other.
  ::signal(SIGXFSZ, SIG_IGN);
}

std::string outcome_text(const Outcome& outcome) {
  if (outcome.status == Status::passed && !outcome.ranks_ms.empty()) {
    return fmt::format("passed, {} ms", number_text(median_ms(outcome.ranks_ms)));
  }
  return std::string(to_string(outcome.status)) + (outcome.reason.empty() ? "" : ": " + outcome.reason);
}

void print_table(const std::vector<Row>& rows) {
  TableStyle style;
  style.colours = !style_of(STDOUT_FILENO).off.empty();
  style.columns = terminal_columns(STDOUT_FILENO);
  fmt::print("{}", results_table(rows, style));
  RINGFOLD_CHECK(std::fflush(stdout) == 0, ExitCode::internal, "cannot write to standard output");
}

std::vector<std::vector<Case>> cases_to_run(const Experiment& experiment, const Results& results) {
  std::vector<std::vector<Case>> groups;
  for (const std::vector<size_t>& indices : groups_of(experiment.cases)) {
    std::vector<Case> group;
    for (size_t i : indices) {
      if (!results.has(experiment.cases[i].id)) group.push_back(experiment.cases[i]);
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

void run_all(const RunOptions& options, const Experiment& experiment, Results& results, Timeline* timeline) {
  const std::vector<std::vector<Case>> groups = cases_to_run(experiment, results);
  int64_t count = 0;
  for (const std::vector<Case>& group : groups) count += static_cast<int64_t>(group.size());
  Progress progress(count);
  const Reproducer reproducer(options.file, options.overrides, experiment);
  GroupRunner runner(progress, {results.folder(), options.save_outputs, options.save_inputs, timeline});
  for (const std::vector<Case>& group : groups) {
    runner.run(group, [&](const Case& item, const Outcome& outcome) {
      results.append(make_row(experiment.name, item, outcome, environment_json(item), reproducer.command(item)));
      progress.finished(reproducer.label(item), outcome_text(outcome));
    });
  }
}

}  // namespace

ExitCode run_command(const RunOptions& options) {
  RINGFOLD_CHECK(!options.resume || !options.out.empty(), ExitCode::usage, "--resume needs --out DIR");
  const Experiment experiment = load_experiment(options.file, options.overrides, built_vocabulary());
  RINGFOLD_CHECK(!experiment.cases.empty(), ExitCode::nothing_to_run, "{} has nothing to run", options.file);
  listen_for_interrupts();
  const auto timeline = options.timeline.empty() ? nullptr : std::make_unique<Timeline>(options.timeline);
  Results results(options.out.empty() ? Results::default_folder(experiment.name) : options.out, options.resume);
  try {
    run_all(options, experiment, results, timeline.get());
  } catch (const Error& error) {
    if (error.code() != ExitCode::interrupted) throw;
    throw Error(ExitCode::interrupted,
                fmt::format("interrupted; go on with: {} --resume --out {}",
                            run_command_text(options.file, options.overrides), shell_quoted(results.folder())));
  }
  if (options.resume) results.sort_by(order_of(experiment));
  print_table(results.rows());
  fmt::print(stderr, "results: {}/results.jsonl\n", results.folder());
  if (timeline != nullptr) timeline->write();
  return exit_of(results.rows());
}

}  // namespace ringfold
