#pragma once

#include "lib/schedule.h"

#include <cstdint>
#include <optional>

namespace ringfold {

/// Tries every interleaving of posting exchanges and of transfers that meet, state by state, sharing no code with
/// check(). Can every program end, whatever happens first? Nothing where there are more than `most_states` states, or
/// where interleavings disagree about it (they never should: `disagreed` is set). Requires that sends and receives pair
/// one to one.
struct Exploration {
  bool complete = false;   ///< all states seen
  bool ends = false;       ///< in every final state all exchanges have ended
  bool disagreed = false;  ///< some interleavings end and others do not
  size_t states = 0;
};
Exploration explore(const Schedule& schedule, size_t most_states = 20000);

/// Executes a schedule by counting: every row of a state holds how often it has attended each key. Ranks take turns at
/// random. Returns what is wrong with the rows of O and LSE that the ranks end with, or an empty string.
/// Requires a schedule whose structure, matching and order check() accepts.
std::string count_keys(const Schedule& schedule, uint64_t seed);

/// Executes memory alone: exchanges and compute on two queues that start and end operations in random order, as far as
/// other_queue_dependencies() allows. Returns which operation found an operand overwritten, or an empty string.
/// Transfers end at once. Requires buffers, and a schedule whose structure check() accepts.
std::string run_memory(const Schedule& schedule, uint64_t seed);

}  // namespace ringfold
