#pragma once

#include "kernels/attend_calls.h"
#include "kernels/decode_launch.h"
#include "lib/kernel.h"

#include <functional>
#include <utility>
#include <vector>

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

/// A task as the decode kernel does it, for heads that meet the same keys.
struct DecodeTables {
  std::vector<DecodePiece> pieces;
  std::vector<DecodeItem> items[std::size(kDecodeRows)];  ///< by the rows that they need
  std::vector<DecodeQuery> queries;
  std::vector<int32_t> rows_of_keys;
  int64_t scratch_rows = 0;
  /// Rows in scratch memory that are parts of the target's rows.
  struct Part {
    int64_t scratch_row = 0;
    int64_t target_row = 0;
    int64_t rows = 0;
  };
  std::vector<Part> parts;
  std::vector<RowSpan> merged;  ///< rows of the target that are made of parts, or of nothing; no item writes them
};
/// Items of output 0 write to the target, those of output 1 to scratch memory. `blocks`: how many, about, keep a device
/// busy.
DecodeTables plan_decode(const AttendTask& task, const AttendHeads& heads, int64_t blocks);

}  // namespace ringfold
