#pragma once

#include "lib/kernel.h"

namespace ringfold {

/// Sequences of an attend for which the decode kernel is made: those with at most 64 rows, (token, query head) pairs, a
/// kv head. More rows fill the tiles of a library's prefill kernel; of fewer, each key is used so seldom that memory is
/// what counts: keys are shared out among all multiprocessors, and read where they lie, in pages too.
struct AttendParts {
  AttendTask few;   ///< queries of such sequences, and their keys
  AttendTask many;  ///< the others
};
/// The decode kernel takes none of a task whose dtype, head dim or alignment it lacks.
AttendParts split_by_queries(const AttendTask& task);

}  // namespace ringfold
