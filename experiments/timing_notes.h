#pragma once

#include "experiments/case.h"

#include <string>
#include <vector>

namespace ringfold {

/// What is odd about a case's repeats, each with advice: a first repeat far slower than the rest, clocks that fell,
/// repeats that got slower as they went on, single ones far off, an interval that stayed too wide.
/// `slowest_ms`: [repeat], as run. `clock_ratio`: one core's rate after the repeats / that before; 0 if not measured.
std::vector<std::string> timing_notes(const Measure& measure, const std::vector<double>& slowest_ms,
                                      double clock_ratio);

}  // namespace ringfold
