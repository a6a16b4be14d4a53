#include "experiments/commands.h"
#include "experiments/experiment.h"
#include "experiments/grid.h"
#include "experiments/load.h"
#include "experiments/planned_case.h"
#include "experiments/rank_list.h"
#include "experiments/reproduce.h"
#include "experiments/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>

#include <unistd.h>

namespace ringfold {
namespace {

std::string_view verdict_of(const PlannedCase& planned) {
  if (planned.is_proved()) return "proved";
  return planned.outcome.status == Status::skipped ? "unsupported" : "refuted";
}

/// A line a rank: operations, attends, bytes, FLOPs and memory.
std::string rank_table(const PlannedCase& planned, const RankList& ranks) {
  const Cost& cost = *planned.outcome.plan;
  std::vector<Column> columns = {{"rank", false, 10, {}},     {"steps", false, 10, {}},   {"attends", false, 10, {}},
                                 {"sent", false, 10, {}},     {"received", false, 10, {}}, {"GFLOP", false, 10, {}},
                                 {"memory", false, 10, {}}};
  for (size_t rank = 0; rank < planned.schedule->ranks.size(); ++rank) {
    if (!ranks.contains(static_cast<int>(rank))) continue;
    const std::vector<std::string> cells = {std::to_string(rank),
                                            std::to_string(planned.schedule->ranks[rank].operations.size()),
                                            std::to_string(cost.attends[rank]),
                                            bytes_text(cost.sent_bytes[rank]),
                                            bytes_text(cost.received_bytes[rank]),
                                            number_text(static_cast<double>(cost.flops[rank]) / 1e9),
                                            bytes_text(cost.peak_bytes[rank])};
    for (size_t i = 0; i < cells.size(); ++i) columns[i].cells.push_back(cells[i]);
  }
  return grid_text(std::move(columns), {}, 0);
}

std::string totals_text(const Cost& cost) {
  const auto sum = [](const std::vector<int64_t>& values) { return std::accumulate(values.begin(), values.end(), int64_t{0}); };
  return fmt::format("all ranks: {} sent (at least {}), {} GFLOP, imbalance {:.2f}\n", bytes_text(sum(cost.sent_bytes)),
                     bytes_text(sum(cost.minimum_sent_bytes)), number_text(static_cast<double>(sum(cost.flops)) / 1e9),
                     cost.imbalance);
}

void print_case(const PlannedCase& planned, const std::string& label, const PlanOptions& options) {
  const Style style = style_of(STDOUT_FILENO);
  const bool is_proved = planned.is_proved();
  fmt::print("{}{}: {}{}{}\n", is_proved ? style.best : style.bad, label, verdict_of(planned), style.off,
             is_proved ? "" : ", " + planned.outcome.reason);
  if (!is_proved) return;
  const RankList ranks(options.ranks, planned.item.cluster.ranks());
  fmt::print("{}{}\n", rank_table(planned, ranks), totals_text(*planned.outcome.plan));
}

}  // namespace

ExitCode plan_command(const PlanOptions& options) {
  const Experiment experiment = load_experiment(options.file, options.overrides, built_vocabulary());
  RINGFOLD_CHECK(!experiment.cases.empty(), ExitCode::nothing_to_run, "{} has nothing to plan", options.file);
  const Reproducer names(options.file, options.overrides, experiment);
  std::vector<Row> exits;
  for (const Case& item : experiment.cases) {
    const PlannedCase planned = plan_case(item);
    print_case(planned, names.label(item), options);
    exits.push_back({{"exit", static_cast<int>(planned.outcome.exit)}});
  }
  return exit_of(exits);
}

}  // namespace ringfold
