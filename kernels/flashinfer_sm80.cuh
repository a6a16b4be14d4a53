#pragma once

#include "kernels/flashinfer_launch.h"

#include <flashinfer/mma.cuh>

namespace flashinfer::mma {

/// Adds a lane's own weights of two rows, as they lie in a product's operand.
__device__ __forceinline__ void add_unrounded(float* d, const float* weights) {
  d[0] += (weights[0] + weights[1]) + (weights[4] + weights[5]);
  d[1] += (weights[2] + weights[3]) + (weights[6] + weights[7]);
}

}  // namespace flashinfer::mma

// The header sums weights after it has rounded them to the 16 bits that a product takes, so that the LSE would be good
// to 2^-9 only. It has no place where to say otherwise; in its only caller, the weights before that are `s_frag`.
#define m16k16_rowsum_f16f16f32(d, rounded) add_unrounded(d, s_frag[mma_q][mma_kv])
#include <flashinfer/attention/prefill.cuh>
#undef m16k16_rowsum_f16f16f32

#include <flashinfer/attention/default_prefill_params.cuh>
#include <flashinfer/attention/variants.cuh>

namespace ringfold::portable {

namespace fi = flashinfer;

/// Softmax whose LSE is natural.
template <bool kCapped>
struct NaturalSoftmax : fi::DefaultAttention</*mask=*/false, /*window=*/true, kCapped, /*alibi=*/false> {
  using Base = fi::DefaultAttention<false, true, kCapped, false>;
  using Base::Base;

  /// Called once a row, after the last key, before the output is scaled and log2(d) + m is written as the LSE. Until
  /// then each of a row's four lanes holds the sum of its own keys.
  template <typename Params, typename Max>
  __device__ __forceinline__ void update_m_d(const Params&, uint32_t, uint32_t, Max& m, float& d, float& scale) {
    constexpr float kLn2 = 0.693147180559945309f;
    d += __shfl_xor_sync(0xffffffffu, d, 1);
    d += __shfl_xor_sync(0xffffffffu, d, 2);
    scale = 1.0f / d;
    m = m * kLn2 + logf(d);
    d = 1.0f;
  }

  template <typename Params, typename Value, typename Max>
  __device__ __forceinline__ Value OutputTransform(const Params&, Value output, uint32_t, uint32_t, uint32_t, Max&,
                                                   float&, float scale) {
    return output * scale;
  }
};

/// A call of a single head: the block's third index chooses it. The first index counts tiles of queries from the last
/// one on: under a causal mask the longest goes first.
template <typename Element>
struct Params {
  fi::SinglePrefillParams<Element, Element, float> one;
  uint32_t group = 1;        ///< query heads per kv head
  uint32_t heads_a_row = 1;  ///< rows of O stand so many heads apart, those of the LSE so many numbers
  int64_t q_head = 0;        ///< strides
  int64_t k_head = 0;
  int64_t v_head = 0;
  int64_t o_head = 0;
  int64_t lse_head = 0;
};

template <typename Traits, typename Element>
__global__ __launch_bounds__(Traits::NUM_THREADS) void attend_one_head(const __grid_constant__ Params<Element> params) {
  extern __shared__ uint8_t shared[];
  const int64_t head = blockIdx.z;
  auto one = params.one;
  one.q += head * params.q_head;
  one.k += head / params.group * params.k_head;
  one.v += head / params.group * params.v_head;
  one.o += head * params.o_head;
  one.lse += head * params.lse_head;
  fi::SinglePrefillWithKVCacheDevice<Traits>(one, reinterpret_cast<typename Traits::SharedStorage&>(shared), threadIdx,
                                             gridDim.x - 1 - blockIdx.x, /*chunk_idx=*/0, /*kv_head_idx=*/0,
                                             /*num_chunks=*/1, params.heads_a_row);
}

template <typename Element, int kDim, bool kCausal, bool kCapped>
class Launch final : public FlashinferLaunch {
  static constexpr uint32_t kQueries = 128;  // a block's
  using Traits =
      fi::KernelTraits<kCausal ? fi::MaskMode::kCausal : fi::MaskMode::kNone, kQueries, /*NUM_MMA_Q=*/2,
                       /*NUM_MMA_KV=*/4, kDim / 16, kDim / 16, /*NUM_WARPS_Q=*/4, /*NUM_WARPS_KV=*/1,
                       fi::PosEncodingMode::kNone, Element, Element, float, float, int32_t, NaturalSoftmax<kCapped>>;
  static_assert(!Traits::IsInvalid());
  static constexpr int kSharedBytes = sizeof(typename Traits::SharedStorage);

 public:
  explicit Launch(const FlashinferCall& call)
      : params_(params_of(call)),
        grid_(static_cast<unsigned>((call.q_rows + kQueries - 1) / kQueries), 1,
              static_cast<unsigned>(call.query_heads)) {
    ready_ = cudaFuncSetAttribute(kernel(), cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes);
  }

  cudaError_t enqueue(cudaStream_t stream) const override {
    if (ready_ != cudaSuccess) return ready_;
    void* arguments[] = {const_cast<Params<Element>*>(&params_)};
    return cudaLaunchKernel(kernel(), grid_, dim3(32, 4, 1), arguments, kSharedBytes, stream);
  }

 private:
  static const void* kernel() { return reinterpret_cast<const void*>(&attend_one_head<Traits, Element>); }

  template <typename To>
  static To* at(const std::byte* data) {
    return reinterpret_cast<To*>(const_cast<std::byte*>(data));
  }

  static Params<Element> params_of(const FlashinferCall& call) {
    Params<Element> params;
    auto& one = params.one;
    one.q = at<Element>(call.q);
    one.k = at<Element>(call.k);
    one.v = at<Element>(call.v);
    one.o = at<float>(call.o);
    one.lse = call.lse;
    one.group_size = fi::uint_fastdiv(1);
    one.qo_len = static_cast<uint32_t>(call.q_rows);
    one.kv_len = static_cast<uint32_t>(call.kv_rows);
    one.num_qo_heads = one.num_kv_heads = 1;
    one.q_stride_n = static_cast<uint32_t>(call.q_strides.row);
    one.k_stride_n = static_cast<uint32_t>(call.k_strides.row);
    one.v_stride_n = static_cast<uint32_t>(call.v_strides.row);
    one.head_dim = kDim;
    one.window_left = static_cast<int32_t>(call.window_left);
    one.sm_scale = call.scale;
    one.logits_soft_cap = call.softcap;
    params.group = static_cast<uint32_t>(call.query_heads / call.kv_heads);
    params.heads_a_row = static_cast<uint32_t>(call.lse_strides.row);
    params.q_head = call.q_strides.head;
    params.k_head = call.k_strides.head;
    params.v_head = call.v_strides.head;
    params.o_head = call.o_strides.head;
    params.lse_head = call.lse_strides.head;
    return params;
  }

  Params<Element> params_;
  dim3 grid_;
  cudaError_t ready_ = cudaSuccess;
};

}  // namespace ringfold::portable
