#include "experiments/commands.h"
#include "experiments/experiment.h"
#include "experiments/grid.h"
#include "experiments/kv_sources.h"
#include "experiments/load.h"
#include "experiments/planned_case.h"
#include "experiments/rank_list.h"
#include "experiments/reproduce.h"
#include "experiments/text.h"
#include "lib/print.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <unistd.h>

namespace ringfold {
namespace {

std::string_view verdict_of(const PlannedCase& planned) {
  if (planned.is_proved()) return "proved";
  return planned.outcome.status == Status::skipped ? "unsupported" : "refuted";
}

/// A line a rank: operations, attends, bytes, FLOPs and memory.
std::string rank_table(const PlannedCase& planned, const std::vector<int>& ranks) {
  const Cost& cost = *planned.outcome.plan;
  std::vector<Column> columns;
  for (const char* title : {"rank", "steps", "attends", "sent", "received", "GFLOP", "memory"}) {
    columns.push_back({title, false, 10, {}});
  }
  if (!cost.projection_flops.empty()) columns.push_back({"projected", false, 10, {}});
  if (!cost.pages.empty()) columns.push_back({"pages", false, 10, {}});
  for (const int number : ranks) {
    const auto rank = static_cast<size_t>(number);
    std::vector<std::string> cells = {std::to_string(rank),
                                      std::to_string(planned.schedule->ranks[rank].operations.size()),
                                      std::to_string(cost.attends[rank]),
                                      bytes_text(cost.sent_bytes[rank]),
                                      bytes_text(cost.received_bytes[rank]),
                                      number_text(cost.flops[rank] / 1e9),
                                      bytes_text(cost.peak_bytes[rank])};
    if (!cost.projection_flops.empty()) cells.push_back(number_text(cost.projection_flops[rank] / 1e9));
    if (!cost.pages.empty()) cells.push_back(std::to_string(cost.pages[rank]));
    for (size_t i = 0; i < cells.size(); ++i) columns[i].cells.push_back(cells[i]);
  }
  return grid_text(std::move(columns), {}, 0);
}

/// What to weigh plans by: as asked for, or as a device's kernel and transport say of themselves.
std::optional<AssumedRates> rates_of(const Case& item, const PlanOptions& options) {
  if (options.tflops > 0) return plain_rates(options.tflops, options.gbps);
  const AssumedRates rates = assumed_rates(item);
  if (rates.is_device() && rates.link_bytes_per_second > 0) return rates;
  return std::nullopt;
}

std::string totals_text(const Cost& cost) {
  const auto sum = [](const std::vector<int64_t>& values) {
    return std::accumulate(values.begin(), values.end(), int64_t{0});
  };
  const auto gflop = [](const std::vector<double>& flops) {
    return number_text(std::accumulate(flops.begin(), flops.end(), 0.0) / 1e9);
  };
  const std::string projected =
      cost.projection_flops.empty() ? "" : fmt::format(", {} GFLOP projected", gflop(cost.projection_flops));
  return fmt::format("all ranks: {} sent (at least {}), {} GFLOP{}, imbalance {:.2f}\n",
                     bytes_text(sum(cost.sent_bytes)), bytes_text(sum(cost.minimum_sent_bytes)), gflop(cost.flops),
                     projected, cost.imbalance);
}

void print_case(const PlannedCase& planned, const std::string& label, const PlanOptions& options,
                const RankList& list) {
  const Style style = style_of(STDOUT_FILENO);
  const bool is_proved = planned.is_proved();
  fmt::print("{}{}: {}{}{}\n", is_proved ? style.best : style.bad, label, verdict_of(planned), style.off,
             is_proved ? "" : ", " + planned.outcome.reason);
  if (!is_proved) return;
  const std::vector<int> ranks = list.among(planned.item.cluster.ranks());
  fmt::print("{}{}\n{}\n", rank_table(planned, ranks), totals_text(*planned.outcome.plan),
             print_diagram(*planned.schedule));
  if (planned.item.problem.layer) {
    const auto rates = rates_of(planned.item, options);
    fmt::print("{}\n", sources_text(compare_sources(planned, rates), rates));
  }
  if (options.operations) fmt::print("{}\n", print_text(*planned.schedule, ranks));
}

/// One case of `plan --json`; the operations are streamed, since they may be many.
void print_json_case(const PlannedCase& planned, const PlanOptions& options, const RankList& list) {
  const Case& item = planned.item;
  Row json;
  json["id"] = item.id;
  json["strategy"] = item.strategy;
  json["options"] = options_json(item);
  json["transport"] = item.transport;
  json["kernel"] = item.kernel;
  json["verdict"] = verdict_of(planned);
  json["reason"] = planned.outcome.reason;
  if (planned.is_proved()) json["plan"] = plan_json(*planned.outcome.plan);
  if (planned.is_proved() && item.problem.layer) {
    json["sources"] = sources_json(compare_sources(planned, rates_of(item, options)));
  }
  std::string text = json.dump();
  if (!options.operations || !planned.is_proved()) {
    fmt::print("{}", text);
    return;
  }
  text.pop_back();
  fmt::print("{},\"operations\":", text);
  print_json(*planned.schedule, list.among(item.cluster.ranks()),
             [](std::string_view piece) { std::fwrite(piece.data(), 1, piece.size(), stdout); });
  fmt::print("}}");
}

}  // namespace

ExitCode plan_command(const PlanOptions& options) {
  const RankList ranks(options.ranks);
  const Experiment experiment = load_experiment(options.file, options.overrides, built_vocabulary());
  RINGFOLD_CHECK(!experiment.cases.empty(), ExitCode::nothing_to_run, "{} has nothing to plan", options.file);
  int most = 0;
  for (const Case& item : experiment.cases) most = std::max(most, item.cluster.ranks());
  ranks.require(most);
  const Reproducer names(options.file, options.overrides, experiment);
  std::vector<Row> exits;
  if (options.json) fmt::print("{{\"schema\":1,\"cases\":[");
  for (const Case& item : experiment.cases) {
    const PlannedCase planned = plan_case(item);
    if (options.json) {
      fmt::print("{}", exits.empty() ? "\n" : ",\n");
      print_json_case(planned, options, ranks);
    } else {
      print_case(planned, names.label(item), options, ranks);
    }
    exits.push_back({{"exit", static_cast<int>(planned.outcome.exit)}});
  }
  if (options.json) fmt::print("\n]}}\n");
  return exit_of(exits);
}

}  // namespace ringfold
