#include "experiments/report_gantt.h"

#include "experiments/report_values.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace ringfold {
namespace {

/// How many lanes of the front hold at most so many bars; whole ranks only, at least the first one.
size_t lanes_within(const std::vector<Lane>& lanes, int64_t most_bars) {
  size_t shown = 0;
  int64_t bars = 0;
  for (size_t i = 0; i < lanes.size();) {
    size_t end = i;
    for (; end < lanes.size() && lanes[end].rank == lanes[i].rank; ++end) {
      bars += static_cast<int64_t>(lanes[end].bars.size());
    }
    if (bars > most_bars && shown > 0) break;
    shown = end;
    i = end;
  }
  return shown;
}

Row lane_json(const Lane& lane, double ms_of_unit, int64_t most_bars) {
  Row json = {lane.rank, lane.is_exchange ? 1 : 0};
  int64_t at = 0;
  for (const Bar& bar : lane.bars) {
    if (--most_bars < 0) break;
    const auto begin = std::max(at, static_cast<int64_t>(std::llround(bar.begin_ms / ms_of_unit)));
    const auto end = std::max(begin, static_cast<int64_t>(std::llround(bar.end_ms / ms_of_unit)));
    json.push_back(static_cast<int>(bar.kind));
    json.push_back(begin - at);
    json.push_back(end - begin);
    at = end;
  }
  return json;
}

}  // namespace

BarKind bar_kind(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames = {"attend", "merge", "copy", "finish", "exchange", "wait"};
  const auto found = std::ranges::find(kNames, name);
  return found == kNames.end() ? BarKind::copy : static_cast<BarKind>(found - kNames.begin());
}

double Gantt::end_ms() const {
  double end = 0;
  for (const Lane& lane : lanes) {
    if (!lane.bars.empty()) end = std::max(end, lane.bars.back().end_ms);
  }
  return end;
}

Row gantt_json(const Gantt& gantt, int64_t most_bars) {
  const double end = gantt.end_ms();
  const size_t shown = lanes_within(gantt.lanes, most_bars);
  const double ms_of_unit = end > 0 ? end / static_cast<double>(kGanttUnits) : 1;
  Row json;
  json["ms"] = short_number(end);
  json["ranks"] = gantt.lanes.empty() ? 0 : gantt.lanes.back().rank + 1;
  if (gantt.clocks_within_ms > 0) json["clocks"] = short_number(gantt.clocks_within_ms);
  int64_t left_out = 0;
  Row lanes = Row::array();
  for (size_t i = 0; i < gantt.lanes.size(); ++i) {
    const auto bars = static_cast<int64_t>(gantt.lanes[i].bars.size());
    const int64_t kept = i < shown ? std::min(bars, most_bars) : 0;
    left_out += bars - kept;
    if (i < shown) lanes.push_back(lane_json(gantt.lanes[i], ms_of_unit, kept));
  }
  json["lanes"] = std::move(lanes);
  if (left_out > 0) json["cut"] = left_out;
  return json;
}

}  // namespace ringfold
