#pragma once

#include "lib/assumed_rates.h"
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
  Schedule (*apply)(Schedule, const AssumedRates&);
  bool came_later = false;  ///< results of before its time do not name it: at its default, ids leave it out
};

/// In the order in which they run: fuse, join, align, early, reuse.
std::span<const Pass> pass_table();

/// Joins an attend with the next one on the same state where no exchange has to be waited for in between: equal queries
/// get the keys of both, equal keys the queries of both. Drops buffers.
Schedule fuse_attends(Schedule schedule);
/// On a device: makes one attend of all those on a state where that computes the same, takes no more memory, and is
/// done sooner by estimate_seconds(), although it has to wait for the last exchange (always, for a kernel whose results
/// must not be merged); then one exchange of those that follow each other. Drops buffers.
Schedule join_attends(Schedule schedule, const AssumedRates& rates);
/// On a device: cuts blocks of K and V into pieces by the kv heads that are read together and, where all tokens are of
/// one sequence, by range, and lays them out tokens_outer. So what goes to one rank is contiguous at the source, and
/// the pieces of an attend, which assign_buffers() puts side by side, are rows of one tensor. Counts tags anew. Changes
/// nothing where a send would no longer be contiguous. Drops buffers.
Schedule align_kv(Schedule schedule, const AssumedRates& rates);
/// Moves each exchange up before the compute that stands between it and the exchange before it, as far as its
/// operands allow, but not before the compute that starts on what the exchange before it has brought: so transfers
/// overlap with it, and no more than one exchange's worth of memory is added. Done twice, it does no more. Drops
/// buffers.
Schedule issue_early(Schedule schedule);
/// Gives each block an offset in its rank's arena. With `reuse`, by lifetimes: memory of dead blocks is used again and
/// a state is folded in place where the folded one dies, and tokens_outer pieces of K and V that are attended together
/// stand side by side; without, every block has memory of its own.
Schedule assign_buffers(Schedule schedule, bool reuse = true);

}  // namespace ringfold
