#pragma once

#include "lib/problem.h"

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace ringfold {

/// Consecutive rows of both tensors.
struct RotateRun {
  int64_t first = 0;  ///< rows of the runs before
  int64_t from_row = 0;
  int64_t to_row = 0;
};

/// Element (head h, row r, channel c) stands at h * head + r * row + c, in elements.
struct RotateLaunch {
  const RotateRun* runs = nullptr;  ///< on the device, as the angles are
  int64_t run_count = 0;
  const float* cosines = nullptr;  ///< [row of all runs][dim / 2]
  const float* sines = nullptr;
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  int64_t from_row = 0;
  int64_t from_head = 0;
  int64_t to_row = 0;
  int64_t to_head = 0;
  DType dtype = DType::fp32;
  RopeStyle style = RopeStyle::half;
  int32_t pairs = 0;
  int64_t heads = 0;
  int64_t rows = 0;
  int32_t tile_rows = 0;    ///< chosen by launch_rotate
  bool is_aligned = false;  ///< four channels at a time
};
/// Starts the kernel on a stream of the current device; may be called while the stream is recorded.
void launch_rotate(const RotateLaunch& rotate, cudaStream_t stream);

}  // namespace ringfold
