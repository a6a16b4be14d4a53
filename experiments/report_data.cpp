#include "experiments/report_data.h"

#include "experiments/environment.h"
#include "experiments/report_pictures.h"
#include "experiments/report_values.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace ringfold {
namespace {

constexpr size_t kMostKeys = 40;    // of an environment
constexpr size_t kMostValues = 12;  // of one of its keys, in one run
constexpr size_t kTextBytes = 300;
constexpr int64_t kLeastPictureBytes = 100'000;  // where many cases leave no room

/// Measured anew for each row: shown with each case, and no property of a run.
bool is_measured(const std::string& key) {
  return key == "peak_gflops_core" || key == "link_gbps" || key == "gpu_clocks";
}

}  // namespace

void ReportData::begin_run(const std::string& path) { runs_.push_back({shortened(path, kTextBytes), {}, {}}); }

void ReportData::add(Row&& row) {
  ++rows_;
  const std::string status = text_of(row, "/status", 16);
  const bool is_passed = status == "passed";
  ++runs_.back().statuses[is_passed || status == "failed" || status == "skipped" || status == "refuted" ? status : "?"];
  add_environment(row);
  int64_t& shown = is_passed ? passed_ : others_;
  if (++shown > (is_passed ? kMostPassed : kMostOthers)) return;
  cases_.push_back(report_case(std::move(row), static_cast<int>(runs_.size()) - 1));
}

void ReportData::add_environment(const Row& row) {
  const Row* environment = value_of(row, "/environment");
  if (environment == nullptr || !environment->is_object()) return;
  auto& keys = runs_.back().environment;
  for (const auto& [key, value] : environment->items()) {
    if (is_measured(key) || (keys.size() >= kMostKeys && !keys.contains(key))) continue;
    std::string text =
        value.is_string() ? value.get<std::string>() : value.dump(-1, ' ', false, Row::error_handler_t::replace);
    auto& values = keys[shortened(key, kTextBytes)];
    text = shortened(std::move(text), kTextBytes);
    if (values.size() < kMostValues || values.contains(text)) ++values[text];
  }
}

void ReportData::complain(const std::string& text) {
  if (complaints_.size() < kMostComplaints) {
    complaints_.push_back(shortened(text, kTextBytes));
  } else {
    ++more_complaints_;
  }
}

Row ReportData::runs_json() const {
  Row runs = Row::array();
  for (const Run& run : runs_) {
    Row environment = Row::object();
    for (const auto& [key, values] : run.environment) {
      for (const auto& [value, rows] : values) environment[key].push_back({value, rows});
    }
    runs.push_back({{"path", run.path}, {"statuses", run.statuses}, {"environment", std::move(environment)}});
  }
  return runs;
}

std::string ReportData::take(const Traces& traces, int64_t page_bytes) {
  Row json;
  json["made"] = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
  json["version"] = fmt::format("{} ({})", version(), revision());
  json["rows"] = rows_;
  if (passed_ > kMostPassed)
    complain(fmt::format("{} rows passed; the first {} of them are shown", passed_, kMostPassed));
  if (others_ > kMostOthers) {
    complain(fmt::format("{} rows did not pass; the first {} of them are shown", others_, kMostOthers));
  }
  json["problems"] = judge_problems(cases_);
  int64_t bytes = page_bytes;
  for (const ReportCase& item : cases_) {
    bytes += static_cast<int64_t>(item.json.dump(-1, ' ', false, Row::error_handler_t::replace).size());
  }
  add_pictures(cases_, traces, std::max(kLeastPictureBytes, (kPageBytes - bytes) * 8 / 10));
  json["runs"] = runs_json();
  json["cases"] = Row::array();
  for (ReportCase& item : cases_) json["cases"].push_back(std::move(item.json));
  if (more_complaints_ > 0) complaints_.push_back(fmt::format("and {} more lines like these", more_complaints_));
  json["complaints"] = complaints_;
  return json.dump(-1, ' ', false, Row::error_handler_t::replace);
}

}  // namespace ringfold
