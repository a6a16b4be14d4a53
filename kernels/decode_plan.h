#pragma once

#include "kernels/attend_calls.h"
#include "kernels/decode_launch.h"
#include "lib/kernel.h"

#include <vector>

namespace ringfold {

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
/// Items of output 0 write to the target, those of output 1 to scratch memory. `multiprocessors`: the device's.
DecodeTables plan_decode(const AttendTask& task, const AttendHeads& heads, int64_t multiprocessors);

}  // namespace ringfold
