#pragma once

#include "lib/executor.h"
#include "lib/ranks.h"
#include "lib/schedule.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// A ring written by hand, for tests of executor and transports: rank r holds contiguous shard r of one causal
/// sequence; KV goes round, one hop a step. Every block has memory of its own.
Schedule hand_written_ring(int ranks, int64_t tokens, Heads heads);

/// Gives every block of every rank memory of its own, 64-byte aligned.
void place_apart(Schedule& schedule);

/// What a schedule computed: O rows and LSE of every rank's outputs as bytes, in rank and output order.
using Outputs = std::vector<std::vector<std::byte>>;

/// Wraps a rank's transport in others; the default leaves it as it is. What it returns lives as long as the rank.
using Wrap = std::function<std::unique_ptr<Transport>(RankContext&)>;

/// Fills inputs from (sequence, position, head, channel) alone, runs `repeats` times with the toy kernel, returns
/// what the last run made. Throws the group's first error.
Outputs run_schedule(const Schedule& schedule, Fabric& fabric, const Wrap& wrap = {}, int repeats = 1);
/// The same on in_process ranks.
Outputs run_schedule(const Schedule& schedule, const Wrap& wrap = {}, int repeats = 1);

/// Ranks that are threads.
std::unique_ptr<Fabric> threads_fabric(int ranks, std::chrono::milliseconds deadline = std::chrono::seconds(60),
                                       std::string_view transport = "in_process");
/// Those that this machine has and that move host memory.
std::vector<std::string> tested_transports();

}  // namespace ringfold
