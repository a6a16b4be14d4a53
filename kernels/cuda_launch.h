#pragma once

#include "kernels/copy_tables.h"
#include "kernels/merge_tables.h"

#include <cuda_runtime.h>

#include <cstdint>

namespace ringfold {

// What the .cu files offer: each function starts one kernel on a stream of the current device and returns. Pointers to
// runs, entries and parts are the device's. All may be called while a stream is recorded.

struct MergeLaunch {
  const MergeRun* runs = nullptr;
  int64_t run_count = 0;
  const int32_t* entries = nullptr;
  const StatePart* parts = nullptr;
  StateRows target;
  int64_t rows = 0;  ///< of all runs
  int64_t heads = 0;
  int32_t dim = 0;
  int32_t most_entries = 0;
  bool verbatim = false;  ///< each row has one part, whose O is converted whatever its LSE says
  int32_t tile_rows = 0;  ///< chosen by merge_tile_rows
};
/// More parts of one row than this are more than fit.
inline constexpr int32_t kMostMergeEntries = 2048;
int32_t merge_tile_rows(const MergeLaunch& merge, int multiprocessors);
void launch_merge(const MergeLaunch& merge, cudaStream_t stream);
/// A merge of which no row has more than one part: nothing is weighed.
void launch_convert(const MergeLaunch& merge, cudaStream_t stream);

/// A copy without its runs, which lie on the device.
struct CopyLaunch {
  const CopyRun* runs = nullptr;
  int64_t run_count = 0;
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  int64_t rows = 0;
  int64_t heads = 0;
  int64_t from_stride = 0;
  int64_t to_stride = 0;
  int64_t from_head_stride = 0;
  int64_t to_head_stride = 0;
  int64_t row_bytes = 0;
  int32_t unit = 2;
  int64_t tile_rows = 0;  ///< chosen by launch_copy
};
void launch_copy(const CopyLaunch& copy, cudaStream_t stream);

}  // namespace ringfold
