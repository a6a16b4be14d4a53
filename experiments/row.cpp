#include "experiments/row.h"

#include "experiments/decode_rates.h"
#include "experiments/statistics.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ringfold {
namespace {

/// JSON has no infinities and no NaN: they are written as strings.
Row number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

/// An integer where 64 bits hold it.
Row whole_number(double value) {
  if (value < 0x1p63) return static_cast<int64_t>(value);
  return value;
}

Row figure_json(const Figure& figure) {
  Row json;
  json["error"] = number(figure.error);
  json["bound"] = number(figure.bound);
  return json;
}

Row breakdown_json(const std::vector<Breakdown>& ranks) {
  Row json;
  for (const Breakdown& rank : ranks) {
    json["compute_ms"].push_back(number(rank.compute_ms));
    json["merge_ms"].push_back(number(rank.merge_ms));
    json["communicate_ms"].push_back(number(rank.communicate_ms));
    json["exposed_ms"].push_back(number(rank.exposed_ms));
    json["idle_ms"].push_back(number(rank.idle_ms));
    json["total_ms"].push_back(number(rank.total_ms));
  }
  return json;
}

Row timing_json(const Case& item, const Outcome& outcome) {
  Row timing;
  const double middle_ms = median_ms(outcome.ranks_ms);
  timing["median_ms"] = number(middle_ms);
  if (const auto interval = median_interval(slowest_ms(outcome.ranks_ms), 0.95)) {
    timing["confidence_ms"] = {number(interval->low), number(interval->high)};
  }
  Row repeats = Row::array();
  for (const std::vector<double>& ranks : outcome.ranks_ms) {
    Row repeat = Row::array();
    for (double ms : ranks) repeat.push_back(number(ms));
    repeats.push_back(std::move(repeat));
  }
  timing["ranks_ms"] = std::move(repeats);
  if (outcome.plan && !outcome.plan->flops.empty()) {
    const std::vector<double> flops = outcome.plan->all_flops();
    const double all = std::accumulate(flops.begin(), flops.end(), 0.0);
    timing["tflops_per_rank"] = number(all / static_cast<double>(flops.size()) / (middle_ms * 1e9));
  }
  if (is_decode(item.problem)) {
    timing["tokens_per_second"] = number(static_cast<double>(item.problem.query_tokens()) / (middle_ms * 1e-3));
  }
  if (is_decode(item.problem) && starts_from_kv(item.problem)) {
    const double bytes = static_cast<double>(seen_kv_bytes(item.problem)) / item.cluster.ranks();
    timing["kv_gbps"] = number(bytes / (middle_ms * 1e6));
    const double most = memory_gbps(*find_kernel(item.kernel), item.measure.threads);
    if (most > 0) timing["memory_gbps"] = number(most);
  }
  if (outcome.ideal_ms) timing["ideal_ms"] = number(*outcome.ideal_ms);
  if (!outcome.notes.empty()) timing["notes"] = outcome.notes;
  if (!outcome.breakdown.empty()) timing["breakdown"] = breakdown_json(outcome.breakdown);
  return timing;
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::passed: return "passed";
    case Status::failed: return "failed";
    case Status::skipped: return "skipped";
    case Status::refuted: return "refuted";
  }
  return "?";
}

Outcome outcome_of(const Error& error) {
  Outcome outcome;
  outcome.exit = error.code();
  outcome.reason = error.what();
  outcome.status = error.code() == ExitCode::unavailable ? Status::skipped
                   : error.code() == ExitCode::refuted   ? Status::refuted
                                                         : Status::failed;
  return outcome;
}

std::vector<double> slowest_ms(const std::vector<std::vector<double>>& ranks_ms) {
  std::vector<double> slowest;
  for (const std::vector<double>& ranks : ranks_ms) slowest.push_back(*std::max_element(ranks.begin(), ranks.end()));
  return slowest;
}

double median_ms(const std::vector<std::vector<double>>& ranks_ms) {
  RINGFOLD_INVARIANT(!ranks_ms.empty(), "a median of no repeats");
  return median(slowest_ms(ranks_ms));
}

Row options_json(const Case& item) {
  Row options = Row::object();
  for (const auto& [name, value] : item.options) options[name] = value;
  return options;
}

Row plan_json(const Cost& cost) {
  Row plan;
  plan["sent_bytes"] = cost.sent_bytes;
  plan["received_bytes"] = cost.received_bytes;
  for (const double flops : cost.flops) plan["flops"].push_back(whole_number(flops));
  for (const double flops : cost.projection_flops) plan["projection_flops"].push_back(whole_number(flops));
  plan["peak_bytes"] = cost.peak_bytes;
  plan["attends"] = cost.attends;
  plan["imbalance"] = number(cost.imbalance);
  plan["minimum_sent_bytes"] = cost.minimum_sent_bytes;
  if (!cost.pages.empty()) plan["pages"] = cost.pages;
  return plan;
}

Row make_row(const std::string& name, const Case& item, const Outcome& outcome, const Row& environment,
             const std::string& command) {
  Row row;
  row["schema"] = 1;
  row["id"] = item.id;
  row["name"] = name;
  if (item.round) row["round"] = *item.round;
  row["status"] = to_string(outcome.status);
  row["exit"] = static_cast<int>(outcome.exit);
  row["reason"] = outcome.reason;
  row["strategy"] = item.strategy;
  row["options"] = options_json(item);
  row["transport"] = item.transport;
  row["kernel"] = item.kernel;
  row["case"] = Row::parse(item.canonical);
  if (outcome.plan) row["plan"] = plan_json(*outcome.plan);
  if (!outcome.sent_bytes.empty()) row["traffic"]["sent_bytes"] = outcome.sent_bytes;
  if (outcome.numerics) {
    Row& numerics = row["numerics"];
    numerics["output"] = figure_json(outcome.numerics->output);
    numerics["lse"] = figure_json(outcome.numerics->lse);
    numerics["rows_checked"] = outcome.numerics->rows_checked;
  }
  if (!outcome.ranks_ms.empty()) row["timing"] = timing_json(item, outcome);
  row["environment"] = environment;
  if (!outcome.rates.gpu_clocks.empty()) row["environment"]["gpu_clocks"] = outcome.rates.gpu_clocks;
  if (outcome.rates.peak_gflops_core) row["environment"]["peak_gflops_core"] = number(*outcome.rates.peak_gflops_core);
  if (outcome.rates.link_gbps) row["environment"]["link_gbps"] = number(*outcome.rates.link_gbps);
  row["command"] = command;
  return row;
}

ExitCode exit_of(const std::vector<Row>& rows) {
  const auto has = [&](ExitCode code) {
    return std::any_of(rows.begin(), rows.end(),
                       [&](const Row& row) { return row.at("exit").get<int>() == static_cast<int>(code); });
  };
  for (ExitCode code : {ExitCode::internal, ExitCode::peer_lost, ExitCode::deadline, ExitCode::refuted,
                        ExitCode::numerics, ExitCode::unavailable}) {
    if (has(code)) return code;
  }
  const bool all_passed = std::ranges::all_of(rows, [](const Row& row) { return row.at("exit").get<int>() == 0; });
  return all_passed ? ExitCode::ok : ExitCode::internal;
}

}  // namespace ringfold
