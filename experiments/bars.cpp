#include "experiments/bars.h"

#include "experiments/row_numbers.h"
#include "experiments/text.h"
#include "experiments/variation.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace ringfold {
namespace {

constexpr size_t kMostBars = 40;
constexpr int64_t kWidestBar = 60;
constexpr int64_t kNarrowestBar = 8;

struct Bar {
  std::string label;
  std::string value;
  double ms = 0;
  bool is_best = false;
};

struct Chart {
  std::string problem;  ///< in full, to tell problems apart
  std::string heading;  ///< what tells it from the others, for readers
  std::vector<Bar> bars;
};

/// `length` columns, to an eighth where there are characters for that.
std::string bar_of(double length, bool is_unicode) {
  static constexpr std::array<std::string_view, 8> kPart = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (!is_unicode) return std::string(static_cast<size_t>(std::max(1.0, std::round(length))), '#');
  const auto eighths = std::max<int64_t>(1, std::llround(8 * length));
  std::string text;
  for (int64_t i = 0; i < eighths / 8; ++i) text += "█";
  return text + std::string(kPart[static_cast<size_t>(eighths % 8)]);
}

std::string value_text(const Row& row) {
  const std::string width = interval_text(row);
  return number_text(median_of(row)) + " ms" + (width.empty() ? "" : " " + width);
}

std::vector<Chart> charts_of(const std::vector<Row>& rows, const std::vector<bool>& best) {
  std::vector<const Row*> cases;
  for (const Row& row : rows) cases.push_back(&row["case"]);
  const Variation variation = variation_of(cases);
  std::vector<Chart> charts;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i]["status"] != "passed" || !rows[i].contains("timing") || !std::isfinite(median_of(rows[i]))) continue;
    const std::string problem = problem_of(rows[i]);
    auto chart = std::ranges::find(charts, problem, &Chart::problem);
    if (chart == charts.end()) {
      std::vector<std::string> words;
      for (size_t key = 0; key < variation.keys.size(); ++key) {
        words.push_back(variation.keys[key] + " " + variation.values[i][key]);
      }
      chart = charts.insert(charts.end(), {problem, joined(words, ", "), {}});
    }
    chart->bars.push_back({strategy_label(rows[i]), value_text(rows[i]), median_of(rows[i]), best[i]});
  }
  std::erase_if(charts, [](const Chart& chart) { return chart.bars.size() < 2; });
  return charts;
}

int64_t widest(const std::vector<Chart>& charts, std::string Bar::* text) {
  int64_t width = 0;
  for (const Chart& chart : charts) {
    for (const Bar& bar : chart.bars) width = std::max(width, width_of(bar.*text));
  }
  return width;
}

std::string padded(const std::string& text, int64_t width) {
  return text + std::string(static_cast<size_t>(std::max<int64_t>(0, width - width_of(text))), ' ');
}

}  // namespace

std::string bars_text(const std::vector<Row>& rows, const std::vector<bool>& best, const TableStyle& style) {
  const std::vector<Chart> charts = charts_of(rows, best);
  size_t count = 0;
  for (const Chart& chart : charts) count += chart.bars.size();
  if (count == 0 || count > kMostBars) return "";
  const int64_t labels = widest(charts, &Bar::label);
  const int64_t room = std::min(kWidestBar, style.columns - labels - widest(charts, &Bar::value) - 6);
  if (room < kNarrowestBar) return "";
  std::string text;
  for (const Chart& chart : charts) {
    if (!chart.heading.empty()) text += chart.heading + "\n";
    const double longest = std::ranges::max(chart.bars, {}, &Bar::ms).ms;
    for (const Bar& bar : chart.bars) {
      const double length = longest > 0 ? bar.ms / longest * static_cast<double>(room) : 0;
      const bool is_marked = bar.is_best && style.colours;
      text += fmt::format("  {}{}  {}  {}{}\n", is_marked ? "\x1b[1;32m" : "", padded(bar.label, labels),
                          padded(bar_of(length, style.is_unicode), room), bar.value, is_marked ? "\x1b[0m" : "");
    }
  }
  return text + "\n";
}

}  // namespace ringfold
