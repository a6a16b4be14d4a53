#pragma once

#include "kernels/cuda_check.h"
#include "lib/dtype.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <bit>
#include <cstdint>

namespace ringfold {

// What the .cu files share: tiles of rows, and moving channels in one access.

inline constexpr int kTileThreads = 256;

/// Starts `kernel` with a block for each tile; blocks go on to further tiles where a grid cannot have that many.
template <typename Launch>
void launch_tiles(void (*kernel)(Launch), const Launch& launch, int64_t tiles, size_t shared_bytes,
                  cudaStream_t stream) {
  if (tiles <= 0) return;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(std::min<int64_t>(tiles, INT32_MAX)));
  config.blockDim = dim3(kTileThreads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  RINGFOLD_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, launch));
}

inline int64_t tiles_of(int64_t rows, int64_t tile_rows) { return (rows + tile_rows - 1) / tile_rows; }

/// kChannels channels as they stand in memory, in any dtype: 32-bit numbers one a word, 16-bit ones two.
template <int kChannels>
struct RawChannels {
  uint32_t words[kChannels];
};

__device__ inline bool is_wide(DType dtype) { return dtype == DType::fp32; }

/// Bytes at which an address must be aligned for kChannels channels to be moved at once.
template <int kChannels>
__device__ bool is_aligned(const std::byte* address, DType dtype) {
  const uint64_t bytes = kChannels * (is_wide(dtype) ? 4 : 2);
  return reinterpret_cast<uint64_t>(address) % bytes == 0;
}

template <int kChannels>
__device__ RawChannels<kChannels> load_raw(const std::byte* row, DType dtype, int32_t channel) {
  static_assert(kChannels == 1 || kChannels == 4);
  RawChannels<kChannels> raw;
  if constexpr (kChannels == 4) {
    if (is_wide(dtype)) {
      const uint4 four = *reinterpret_cast<const uint4*>(row + int64_t{4} * channel);
      raw.words[0] = four.x, raw.words[1] = four.y, raw.words[2] = four.z, raw.words[3] = four.w;
    } else {
      const uint2 two = *reinterpret_cast<const uint2*>(row + int64_t{2} * channel);
      raw.words[0] = two.x, raw.words[1] = two.y;
    }
  } else if (is_wide(dtype)) {
    raw.words[0] = *reinterpret_cast<const uint32_t*>(row + int64_t{4} * channel);
  } else {
    raw.words[0] = *reinterpret_cast<const uint16_t*>(row + int64_t{2} * channel);
  }
  return raw;
}

template <int kChannels>
__device__ float value_of(const RawChannels<kChannels>& raw, DType dtype, int index) {
  if (is_wide(dtype)) return std::bit_cast<float>(raw.words[index]);
  const uint32_t word = raw.words[index / 2];
  const auto half = static_cast<uint16_t>(index % 2 == 0 ? word : word >> 16);
  return dtype == DType::bf16 ? bf16_to_float(half) : fp16_to_float(half);
}

/// As lib/dtype.h rounds; what the device rounds alike but for the bits of a NaN, in one instruction.
__device__ inline uint32_t half_of(DType dtype, float value) {
  if (isnan(value)) return dtype == DType::bf16 ? float_to_bf16(value) : float_to_fp16(value);
  return dtype == DType::bf16 ? __bfloat16_as_ushort(__float2bfloat16_rn(value))
                              : __half_as_ushort(__float2half_rn(value));
}

/// Rounds to the dtype as lib/dtype.h does.
template <int kChannels>
__device__ void store_channels(std::byte* row, DType dtype, int32_t channel, const float (&values)[kChannels]) {
  if constexpr (kChannels == 4) {
    if (is_wide(dtype)) {
      *reinterpret_cast<float4*>(row + int64_t{4} * channel) = make_float4(values[0], values[1], values[2], values[3]);
    } else {
      const uint32_t low = half_of(dtype, values[0]) | half_of(dtype, values[1]) << 16;
      const uint32_t high = half_of(dtype, values[2]) | half_of(dtype, values[3]) << 16;
      *reinterpret_cast<uint2*>(row + int64_t{2} * channel) = make_uint2(low, high);
    }
  } else if (is_wide(dtype)) {
    *reinterpret_cast<float*>(row + int64_t{4} * channel) = values[0];
  } else {
    *reinterpret_cast<uint16_t*>(row + int64_t{2} * channel) = static_cast<uint16_t>(half_of(dtype, values[0]));
  }
}

}  // namespace ringfold
