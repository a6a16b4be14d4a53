#include "experiments/report_case.h"

#include "experiments/comparison.h"
#include "experiments/report_values.h"
#include "experiments/sha256.h"
#include "experiments/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

namespace ringfold {
namespace {

constexpr size_t kTextBytes = 300;
constexpr size_t kCaseBytes = 2000;
constexpr size_t kCommandBytes = 1500;
constexpr size_t kMostNotes = 8;

/// Times of the slowest rank.
std::vector<double> repeats_of(const Row& row) {
  const Row* repeats = value_of(row, "/timing/ranks_ms");
  std::vector<double> slowest;
  if (repeats == nullptr || !repeats->is_array()) return slowest;
  for (const Row& repeat : *repeats) {
    double most = 0;
    for (const Row& ms : repeat) {
      if (ms.is_number()) most = std::max(most, ms.get<double>());
    }
    if (most > 0) slowest.push_back(most);
  }
  return slowest;
}

void add_problem(Row& json, const Row& row) {
  const Row* sequences = value_of(row, "/case/problem/sequences");
  double query = 0;
  double cached = 0;
  size_t count = 0;
  if (sequences != nullptr && sequences->is_array()) {
    count = sequences->size();
    for (const Row& sequence : *sequences) {
      query += number_of(sequence, "/query").value_or(0);
      cached += number_of(sequence, "/cached").value_or(0);
    }
  }
  json["tokens"] = {short_number(query), short_number(cached), count};
  json["ranks"] =
      short_number(number_of(row, "/case/cluster/sp").value_or(1) * number_of(row, "/case/cluster/tp").value_or(1));
  const std::string generated = text_of(row, "/case/inputs/generate", kTextBytes);
  json["inputs"] = generated.empty() ? "file" : generated;
}

/// The case; long lists of sequences become a text.
Row short_case(const Row& row) {
  const Row* given = value_of(row, "/case");
  if (given == nullptr || !given->is_object()) return Row::object();
  Row item = *given;
  if (item.dump(-1, ' ', false, Row::error_handler_t::replace).size() <= kCaseBytes) return item;
  if (value_of(item, "/problem/sequences") != nullptr) {
    item["problem"]["sequences"] = fmt::format("{} sequences", item["problem"]["sequences"].size());
  }
  if (item.dump(-1, ' ', false, Row::error_handler_t::replace).size() <= kCaseBytes) return item;
  return Row::object();
}

void add_timing(Row& json, const Row& row, const std::vector<double>& repeats) {
  const auto median = number_of(row, "/timing/median_ms");
  if (!median) return;
  json["ms"] = short_number(*median);
  const std::vector<double> interval = numbers_of(row, "/timing/confidence_ms");
  if (interval.size() == 2) json["ci"] = short_numbers(interval, 2);
  if (!repeats.empty()) {
    const auto [least, most] = std::ranges::minmax(repeats);
    json["span"] = {short_number(least), short_number(most)};
    json["reps"] = short_numbers(repeats, kMostListed);
    if (repeats.size() > kMostListed) json["repeats"] = repeats.size();
  }
  if (const auto ideal = number_of(row, "/timing/ideal_ms")) json["ideal"] = short_number(*ideal);
  if (const auto rate = number_of(row, "/timing/tflops_per_rank")) json["gflops"] = short_number(*rate * 1e3);
  const Row* notes = value_of(row, "/timing/notes");
  for (size_t i = 0; notes != nullptr && notes->is_array() && i < std::min(notes->size(), kMostNotes); ++i) {
    json["notes"].push_back(text_of((*notes)[i], "", kTextBytes));
  }
  for (const char* part : {"compute_ms", "merge_ms", "communicate_ms", "exposed_ms", "idle_ms", "total_ms"}) {
    const std::vector<double> values = numbers_of(row, std::string("/timing/breakdown/") + part);
    if (!values.empty()) json["breakdown"][part] = short_numbers(values, kMostListed);
  }
}

void add_plan(Row& json, const Row& row) {
  if (value_of(row, "/plan") == nullptr) return;
  Row plan;
  for (const char* list : {"sent_bytes", "minimum_sent_bytes", "flops", "peak_bytes"}) {
    const std::vector<double> values = numbers_of(row, std::string("/plan/") + list);
    if (values.empty()) continue;
    plan[list] = short_numbers(values, kMostListed);
    plan[std::string("sum_") + list] = short_number(std::accumulate(values.begin(), values.end(), 0.0));
    plan[std::string("max_") + list] = short_number(std::ranges::max(values));
  }
  if (const auto imbalance = number_of(row, "/plan/imbalance")) plan["imbalance"] = short_number(*imbalance);
  json["plan"] = std::move(plan);
}

void add_numerics(Row& json, const Row& row) {
  for (const char* figure : {"output", "lse"}) {
    const auto error = number_of(row, fmt::format("/numerics/{}/error", figure));
    const auto bound = number_of(row, fmt::format("/numerics/{}/bound", figure));
    if (error && bound) json[figure] = {short_number(*error), short_number(*bound)};
  }
  if (const auto rows = number_of(row, "/numerics/rows_checked")) json["rows_checked"] = short_number(*rows);
}

std::string label_of(const Row& row) {
  try {
    return shortened(strategy_label(row), kTextBytes);
  } catch (const std::exception&) {  // options that no version of ours wrote
    return text_of(row, "/strategy", kTextBytes);
  }
}

/// The case without its strategy.
std::string problem_of_row(const Row& row, int run) {
  const Row* given = value_of(row, "/case");
  Row item = given == nullptr ? Row() : *given;
  if (item.is_object()) item.erase("strategies");
  return sha256_hex(fmt::format("{}:{}", run, item.dump(-1, ' ', false, Row::error_handler_t::replace)));
}

}  // namespace

ReportCase report_case(Row&& row, int run) {
  ReportCase shown;
  shown.id = text_of(row, "/id", kMostListed);
  shown.problem = problem_of_row(row, run);
  shown.repeats_ms = repeats_of(row);
  const std::string status = text_of(row, "/status", kTextBytes);
  shown.is_passed = status == "passed" && number_of(row, "/timing/median_ms").value_or(0) > 0;
  Row& json = shown.json;
  json["id"] = shown.id;
  json["run"] = run;
  json["label"] = label_of(row);
  json["status"] = status;
  json["exit"] = short_number(number_of(row, "/exit").value_or(0));
  for (const char* key : {"reason", "transport", "kernel"}) {
    json[key] = text_of(row, std::string("/") + key, kTextBytes);
  }
  add_problem(json, row);
  json["case"] = short_case(row);
  add_timing(json, row, shown.repeats_ms);
  add_plan(json, row);
  add_numerics(json, row);
  const std::array<std::pair<const char*, const char*>, 3> machine = {
      {{"peak", "/environment/peak_gflops_core"}, {"link", "/environment/link_gbps"}, {"cores", "/environment/cores"}}};
  for (const auto& [key, pointer] : machine) {
    if (const auto value = number_of(row, pointer)) json[key] = short_number(*value);
  }
  json["command"] = text_of(row, "/command", kCommandBytes);
  shown.row = std::move(row);
  return shown;
}

int64_t judge_problems(std::vector<ReportCase>& cases) {
  std::map<std::string, int64_t> numbers;
  std::map<std::string, const ReportCase*> best;
  for (ReportCase& item : cases) {
    const auto next = static_cast<int64_t>(numbers.size());
    item.json["problem"] = numbers.try_emplace(item.problem, next).first->second;
    if (!item.is_passed) continue;
    const ReportCase*& winner = best[item.problem];
    if (winner == nullptr || item.json["ms"].get<double>() < winner->json["ms"].get<double>()) winner = &item;
  }
  for (ReportCase& item : cases) {
    if (!item.is_passed) continue;
    const ReportCase& winner = *best[item.problem];
    item.json["best"] = &item == &winner;
    Row versus = Row::array({short_number(item.json["ms"].get<double>() / winner.json["ms"].get<double>())});
    if (&item != &winner && !item.repeats_ms.empty() && !winner.repeats_ms.empty()) {
      const Comparison comparison = compare_times(winner.repeats_ms, item.repeats_ms, Criterion());
      const Ratio& ratio = comparison.ratio;
      item.json["verdict"] = to_string(comparison.verdict);
      versus = Row::array({short_number(ratio.ratio)});
      if (ratio.interval) {
        versus.push_back(short_number(ratio.interval->low));
        versus.push_back(short_number(ratio.interval->high));
      }
    }
    item.json["versus"] = std::move(versus);
  }
  return static_cast<int64_t>(numbers.size());
}

}  // namespace ringfold
