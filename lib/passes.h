#pragma once

#include "lib/schedule.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace ringfold {

/// Offsets of blocks in an arena are multiples of this.
inline constexpr int64_t kBufferAlignment = 64;

/// A pure function that keeps a schedule's meaning; its output is checked again.
struct Pass {
  std::string_view name;  ///< as under `passes:` in an experiment file
  std::string_view summary;
  Schedule (*apply)(Schedule);
};

/// In the order in which they run: fuse, early, reuse.
std::span<const Pass> pass_table();

/// Joins an attend with the next one on the same state where no exchange has to be waited for in between: equal queries
/// get the keys of both, equal keys the queries of both. Drops buffers.
Schedule fuse_attends(Schedule schedule);
/// Moves each exchange up before the compute that stands between it and the exchange before it, as far as its
/// operands allow, but not before the compute that starts on what the exchange before it has brought: so transfers
/// overlap with it, and no more than one exchange's worth of memory is added. Done twice, it does no more. Drops
/// buffers.
Schedule issue_early(Schedule schedule);
/// Gives each block an offset in its rank's arena. With `reuse`, by lifetimes: memory of dead blocks is used again and
/// a state is folded in place where the folded one dies; without, every block has memory of its own.
Schedule assign_buffers(Schedule schedule, bool reuse = true);

}  // namespace ringfold
