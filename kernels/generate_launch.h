#pragma once

#include "lib/input_formula.h"
#include "lib/problem.h"

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace ringfold {

/// Consecutive positions of a sequence, and the row of the first.
struct InputRun {
  int64_t first = 0;  ///< rows of the runs before
  int64_t row = 0;
  int64_t sequence = 0;
  int64_t begin = 0;   ///< position of the first row
  int64_t length = 0;  ///< of the sequence
  int64_t cached = 0;  ///< of the sequence
};

struct GenerateLaunch {
  const InputRun* runs = nullptr;  ///< on the device
  int64_t run_count = 0;
  InputRecipe recipe;
  Mask mask;
  InputTensor tensor = InputTensor::q;
  DType rounded = DType::fp32;  ///< the problem's dtype: what values are rounded to
  std::byte* to = nullptr;      ///< element (head h, row r, channel c) as in lib/kernel.h's Tensor
  DType dtype = DType::fp32;    ///< what they are stored in
  int64_t row_stride = 0;
  int64_t head_stride = 0;
  int64_t first_head = 0;
  int64_t heads = 0;
  int64_t group = 1;  ///< heads that share a kv head: 1 but for q
  int64_t rows = 0;
  int32_t tile_rows = 0;  ///< chosen by launch_generate
};
/// Starts the kernel on a stream of the current device.
void launch_generate(const GenerateLaunch& generate, cudaStream_t stream);

}  // namespace ringfold
