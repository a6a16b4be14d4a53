#pragma once

#include "experiments/report_case.h"
#include "experiments/report_trace.h"

#include <cstdint>
#include <vector>

namespace ringfold {

/// Plans each case again and adds "planned" and "measured" (gantt_json), "rates" (what "planned" stands on) and "grid"
/// (grid_json) to its JSON; where something cannot be, "no_plan" says why. `bytes` of text in all, shared evenly; plans
/// of more than kMostPlannedRanks ranks or kMostPlannedHeads kv heads, and what goes beyond kMostPlanned rank pairs in
/// all, are left out.
void add_pictures(std::vector<ReportCase>& cases, const Traces& traces, int64_t bytes);
inline constexpr int kMostPlannedRanks = 64;
inline constexpr int64_t kMostPlannedHeads = 256;
inline constexpr int64_t kMostPlanned = 120'000;  // a second or two

}  // namespace ringfold
