#pragma once

#include "experiments/row.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ringfold {

/// What a bar of a Gantt chart shows. The page's script knows the numbers.
enum class BarKind { attend = 0, merge = 1, copy = 2, finish = 3, exchange = 4, wait = 5 };
/// Of an operation's name ("wait" included); anything else is a copy.
BarKind bar_kind(std::string_view name);

struct Bar {
  BarKind kind = BarKind::attend;
  double begin_ms = 0;
  double end_ms = 0;
};

/// One queue of one rank: bars ascending, not overlapping.
struct Lane {
  int rank = 0;
  bool is_exchange = false;
  std::vector<Bar> bars;
};

/// Lanes ascending by rank, compute before exchange.
struct Gantt {
  std::vector<Lane> lanes;
  double clocks_within_ms = 0;  ///< how far the ranks' clocks may be apart
  double end_ms() const;
};

/// {"ms": the end, "ranks": all of them, "clocks": clocks_within_ms unless 0, "lanes": [[rank, queue, kind, gap,
/// length, kind, gap, ...]]}, gap and length in 1/`kGanttUnits` of the end; gap is from the end of the bar before.
/// Holds at most `most_bars` bars: then only the first ranks, and of a single rank only its first bars ("cut": how many
/// bars are left out).
Row gantt_json(const Gantt& gantt, int64_t most_bars);
inline constexpr int64_t kGanttUnits = 4000;

}  // namespace ringfold
