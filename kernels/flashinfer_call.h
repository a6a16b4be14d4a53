#pragma once

#include "kernels/call_strides.h"

#include <cstddef>
#include <cstdint>

namespace ringfold {

// Includes nothing of lib/, so that changes there do not compile the units for nvcc anew, which takes minutes.

/// Of Q, K and V.
enum class HalfType { bf16, fp16 };

/// One rectangle of queries x keys as FlashInfer's kernels take it, all of it in device memory.
struct FlashinferCall {
  const std::byte* q = nullptr;
  const std::byte* k = nullptr;
  const std::byte* v = nullptr;
  CallStrides q_strides;
  CallStrides k_strides;
  CallStrides v_strides;
  HalfType type = HalfType::bf16;
  int64_t q_rows = 0;
  int64_t kv_rows = 0;
  int64_t query_heads = 0;
  int64_t kv_heads = 0;
  bool is_causal = false;    ///< query i sees key j only if j <= i + kv_rows - q_rows
  int64_t window_left = -1;  ///< and only if j >= i + kv_rows - q_rows - window_left; -1: each
  float scale = 1;
  float softcap = 0;  ///< 0: none; tanh is the device's approximation
  std::byte* o = nullptr;
  bool o_is_fp32 = true;  ///< else of `type`
  CallStrides o_strides;
  float* lse = nullptr;  ///< natural
  CallStrides lse_strides;
};

}  // namespace ringfold
