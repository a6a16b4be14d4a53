#include "experiments/table.h"

#include "experiments/bars.h"
#include "experiments/grid.h"
#include "experiments/row_numbers.h"
#include "experiments/text.h"
#include "experiments/variation.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace ringfold {
namespace {

constexpr int64_t kAnyWidth = 100;

int64_t largest(const Row& list) {
  int64_t most = 0;
  for (const Row& value : list) most = std::max(most, value.get<int64_t>());
  return most;
}

std::string status_of(const Row& row) { return row["status"].get<std::string>(); }

/// Rows with the shortest median among those of their problem that passed, where there are several.
std::vector<bool> best_rows(const std::vector<Row>& rows) {
  std::map<std::string, std::vector<size_t>> by_problem;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (status_of(rows[i]) == "passed" && rows[i].contains("timing")) by_problem[problem_of(rows[i])].push_back(i);
  }
  std::vector<bool> best(rows.size(), false);
  for (const auto& [problem, candidates] : by_problem) {
    if (candidates.size() < 2) continue;
    best[*std::min_element(candidates.begin(), candidates.end(),
                           [&](size_t a, size_t b) { return median_of(rows[a]) < median_of(rows[b]); })] = true;
  }
  return best;
}

std::string median_text(const Row& row) { return row.contains("timing") ? number_text(median_of(row)) : ""; }

/// (slowest - fastest repeat) / median, of each repeat's slowest rank.
std::string spread_text(const Row& row) {
  if (!row.contains("timing") || row["timing"]["ranks_ms"].size() < 2) return "";
  std::vector<double> repeats;
  for (const Row& ranks : row["timing"]["ranks_ms"]) {
    double slowest = 0;
    for (const Row& ms : ranks) slowest = std::max(slowest, number_of(ms));
    repeats.push_back(slowest);
  }
  const auto [low, high] = std::minmax_element(repeats.begin(), repeats.end());
  return fmt::format("{:.0f}%", 100 * (*high - *low) / median_of(row));
}

std::string tflops_text(const Row& row) {
  if (!row.contains("timing") || !row["timing"].contains("tflops_per_rank")) return "";
  return number_text(number_of(row["timing"]["tflops_per_rank"]));
}

double decode_rate_of(const Row& row, const char* field) {
  return row.contains("timing") && row["timing"].contains(field) ? number_of(row["timing"][field]) : 0;
}

std::string token_rate_text(const Row& row) {
  const double rate = decode_rate_of(row, "tokens_per_second");
  return rate > 0 ? number_text(rate) : "";
}

std::string memory_share_text(const Row& row) {
  const double limit = decode_rate_of(row, "memory_gbps");
  return limit > 0 ? fmt::format("{:.0f}%", 100 * decode_rate_of(row, "kv_gbps") / limit) : "";
}

std::string sent_text(const Row& row) {
  return row.contains("plan") ? bytes_text(largest(row["plan"]["sent_bytes"])) : "";
}

/// Bytes sent by all ranks over the fewest that their placement allows.
std::string ratio_text(const Row& row) {
  if (!row.contains("plan")) return "";
  double sent = 0;
  double minimum = 0;
  for (const Row& bytes : row["plan"]["sent_bytes"]) sent += bytes.get<double>();
  for (const Row& bytes : row["plan"]["minimum_sent_bytes"]) minimum += bytes.get<double>();
  if (minimum == 0) return sent == 0 ? "-" : "inf";
  return fmt::format("{:.2f}", sent / minimum);
}

std::string imbalance_text(const Row& row) {
  return row.contains("plan") ? fmt::format("{:.2f}", number_of(row["plan"]["imbalance"])) : "";
}

std::string peak_text(const Row& row) {
  return row.contains("plan") ? bytes_text(largest(row["plan"]["peak_bytes"])) : "";
}

/// The larger error / bound of O and LSE.
std::string error_text(const Row& row) {
  if (!row.contains("numerics")) return "";
  double worst = 0;
  for (const char* what : {"output", "lse"}) {
    const double error = number_of(row["numerics"][what]["error"]);
    const double bound = number_of(row["numerics"][what]["bound"]);
    if (error != 0) worst = std::max(worst, error / bound);
  }
  return fmt::format("{:.2f}", worst);
}

std::string ideal_text(const Row& row) {
  if (!row.contains("timing") || !row["timing"].contains("ideal_ms")) return "";
  return fmt::format("{:.0f}%", 100 * number_of(row["timing"]["ideal_ms"]) / number_of(row["timing"]["median_ms"]));
}

std::vector<Column> columns_of(const std::vector<Row>& rows, const std::vector<bool>& best) {
  std::vector<Column> columns;
  std::vector<const Row*> cases;
  for (const Row& row : rows) cases.push_back(&row["case"]);
  const Variation variation = variation_of(cases);
  for (size_t key = 0; key < variation.keys.size(); ++key) {
    Column column{variation.keys[key], false, 20, {}};
    for (const auto& values : variation.values) column.cells.push_back(values[key]);
    columns.push_back(std::move(column));
  }
  Column strategy{"  strategy", true, 30, {}};
  for (size_t i = 0; i < rows.size(); ++i) {
    strategy.cells.push_back((best[i] ? "* " : "  ") + strategy_label(rows[i]));
  }
  columns.push_back(std::move(strategy));
  const auto add = [&](const char* title, bool is_text, int importance, std::string (*cell)(const Row&)) {
    Column column{title, is_text, importance, {}};
    for (const Row& row : rows) column.cells.push_back(cell(row));
    const auto is_empty = [](const std::string& text) { return text.empty(); };
    if (!std::all_of(column.cells.begin(), column.cells.end(), is_empty)) columns.push_back(std::move(column));
  };
  add("status", true, 18, status_of);
  add("median ms", false, 19, median_text);
  add("interval", false, 16, interval_text);
  add("spread", false, 8, spread_text);
  add("of ideal", false, 14, ideal_text);
  add("TFLOP/s", false, 15, tflops_text);
  add("token/s", false, 7, token_rate_text);
  add("of memory", false, 6, memory_share_text);
  add("sent", false, 13, sent_text);
  add("x min", false, 10, ratio_text);
  add("imbal.", false, 11, imbalance_text);
  add("memory", false, 9, peak_text);
  add("err/bound", false, 12, error_text);
  return columns;
}

/// Texts in the order of rows, each once, with the strategies that it is about.
class Remarks {
 public:
  void add(const std::string& text, const Row& row) {
    if (!labels_.contains(text)) order_.push_back(text);
    const std::string label = strategy_label(row);
    std::vector<std::string>& names = labels_[text];
    if (std::find(names.begin(), names.end(), label) == names.end()) names.push_back(label);
  }

  std::string text(std::string_view between, int64_t width) const {
    std::string all;
    for (const std::string& text : order_) {
      all += wrapped(joined(labels_.at(text), ", ") + std::string(between) + text, width, 4) + "\n";
    }
    return all;
  }

 private:
  std::map<std::string, std::vector<std::string>> labels_;
  std::vector<std::string> order_;
};

/// Without what stands in brackets: figures, which differ from row to row.
std::string without_figures(std::string note) {
  const size_t begin = note.find(" (");
  const size_t end = note.find(')', begin);
  if (begin != std::string::npos && end != std::string::npos) note.erase(begin, end + 1 - begin);
  return note;
}

/// What is odd about timings, and why rows did not pass.
std::string remarks_text(const std::vector<Row>& rows, int64_t width) {
  Remarks notes;
  Remarks reasons;
  for (const Row& row : rows) {
    if (row.contains("timing") && row["timing"].contains("notes")) {
      for (const Row& note : row["timing"]["notes"]) {
        if (note.is_string()) notes.add(without_figures(note.get<std::string>()), row);
      }
    }
    if (status_of(row) != "passed") reasons.add(status_of(row) + ": " + row["reason"].get<std::string>(), row);
  }
  return notes.text(": ", width) + reasons.text(" ", width);
}

std::string summary_text(const std::vector<Row>& rows) {
  std::string text;
  for (const char* status : {"passed", "failed", "refuted", "skipped"}) {
    const auto count =
        std::count_if(rows.begin(), rows.end(), [&](const Row& row) { return status_of(row) == status; });
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, status);
  }
  return text + "\n";
}

}  // namespace

TableStyle table_style_of(int fd) {
  TableStyle style;
  style.colours = !style_of(fd).off.empty();
  style.columns = terminal_columns(fd);
  style.is_unicode = speaks_unicode();
  return style;
}

std::string results_table(const std::vector<Row>& rows, const TableStyle& style) {
  if (rows.empty()) return "no results\n";
  const std::vector<bool> best = best_rows(rows);
  std::vector<LineStyle> styles(rows.size());
  for (size_t i = 0; i < rows.size() && style.colours; ++i) {
    const std::string status = status_of(rows[i]);
    if (best[i]) styles[i] = {"\x1b[1;32m", "\x1b[0m"};
    if (status == "failed" || status == "refuted") styles[i] = {"\x1b[31m", "\x1b[0m"};
    if (status == "skipped") styles[i] = {"\x1b[33m", "\x1b[0m"};
  }
  const int64_t width = style.columns > 0 ? style.columns : kAnyWidth;
  const std::string title = rows.front()["name"].get<std::string>() + ": " + common_text(rows);
  return wrapped(title, width, 2) + "\n\n" + grid_text(columns_of(rows, best), styles, style.columns) + "\n" +
         (style.columns > 0 ? bars_text(rows, best, style) : "") + remarks_text(rows, width) + summary_text(rows);
}

}  // namespace ringfold
