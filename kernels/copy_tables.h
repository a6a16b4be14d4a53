#pragma once

#include "lib/kernel.h"

#include <cstdint>
#include <vector>

namespace ringfold {

/// Rows of a copy at constant distances, in bytes from the two tensors' heads.
struct CopyRun {
  int64_t first = 0;  ///< rows of the runs before
  int64_t from = 0;
  int64_t to = 0;
  int64_t rows = 0;
  int64_t last_bytes = 0;  ///< of the last row; the others have CopyTables::row_bytes
};

/// A copy task as a device does it. What is dense on both sides is cut anew, to rows of kDenseRowBytes.
struct CopyTables {
  std::vector<CopyRun> runs;
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  int64_t rows = 0;
  int64_t row_bytes = 0;
  int64_t from_stride = 0;  ///< bytes from row to row
  int64_t to_stride = 0;
  int64_t heads = 0;
  int64_t from_head_stride = 0;  ///< in bytes
  int64_t to_head_stride = 0;
  int unit = 2;  ///< bytes moved at once, a power of two up to 16: divides every address, distance and length
};

inline constexpr int64_t kDenseRowBytes = 4096;

/// Throws Error(internal) if the dtypes differ.
CopyTables plan_copy(const CopyTask& task);

}  // namespace ringfold
