#pragma once

#include "lib/schedule.h"

#include <cstdint>
#include <vector>

namespace ringfold {

/// When the blocks of one program come and go, by index of operation in program order.
struct Lifetimes {
  std::vector<int32_t> made;  ///< the operation that makes the block; -1 for an input
  std::vector<int32_t>
      last_use;                ///< the last that needs it, at least `made`; the number of operations if kept to the end
  std::vector<int32_t> reads;  ///< how many operands read it
};

/// Requires block ids in range, as check() proves.
Lifetimes lifetimes_of(const Program& program);

/// The state that operation `index` may overwrite with the one it makes, since it is an attend after which nobody needs
/// the old one and both lie alike in memory; kNoBlock if there is none.
BlockId folded_in_place(const Program& program, const Lifetimes& lifetimes, int32_t index);

/// Is the operation an attend, and the next one the finish of the state that it makes, which nobody else needs?
bool is_finished_at_once(const Program& program, const Lifetimes& lifetimes, int32_t index);

/// Bytes of the blocks alive at once, at most, in program order, with states folded in place.
int64_t most_alive_bytes(const Program& program, int64_t dim);

/// The arena where buffers are assigned, else most_alive_bytes().
int64_t peak_bytes_of(const Program& program, int64_t dim);

}  // namespace ringfold
