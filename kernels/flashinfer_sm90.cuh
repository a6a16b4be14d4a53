#pragma once

#include "kernels/flashinfer_launch.h"

#include <flashinfer/attention/hopper/prefill_sm90.cuh>
#include <flashinfer/attention/hopper/variants.cuh>

namespace ringfold::hopper {

namespace fi = flashinfer;

/// Strides and addresses of what a call writes.
struct StateTarget {
  float* o = nullptr;  ///< null: O is written in 16 bits
  int64_t o_row = 0;
  int64_t o_head = 0;
  float* lse = nullptr;
  int64_t lse_row = 0;
  int64_t lse_head = 0;
};

/// FlashInfer's epilogue, but that O may stay in fp32, straight from the registers, that the LSE is natural and stands
/// anywhere, and that O in 16 bits waits for all warps.
template <typename Traits>
struct StateEpilogue : fi::CollectiveEpilogue<Traits> {
  using Base = fi::CollectiveEpilogue<Traits>;
  struct Params {
    typename Base::Params base;
    StateTarget target;
  };

  CUTLASS_DEVICE static void prefetch_tma_descriptors(const Params&) {}

  template <typename Coord, typename Storage, typename FragmentO, typename FragmentLse, typename Mma>
  CUTLASS_DEVICE void store(const Params& params, const FragmentO& o, const FragmentLse& lse, Storage& storage, Mma mma,
                            int thread, const Coord& coord) {
    const auto [tile, head, kv_head, q_begin, kv_begin, q_rows, kv_rows, batch] = coord;
    const int64_t first = int64_t{tile} * Traits::CTA_Q;
    const auto places = mma.get_thread_slice(thread).partition_C(
        cute::make_identity_tensor(cute::select<0, 1>(typename Traits::TileShape_PDV{})));
    write_lse(params.target, lse, places, head, first, q_rows);
    if (params.target.o == nullptr) {
      write_halves(params.base, o, storage, mma, thread, coord);
    } else {
      write_o(params.target, o, places, head, first, q_rows);
    }
  }

  template <typename Coord, typename Storage>
  CUTLASS_DEVICE void store_zero(const Params&, Storage&, int, const Coord&) {}  // each query sees a key

 private:
  template <typename Fragment, typename Places>
  CUTLASS_DEVICE static void write_lse(const StateTarget& target, const Fragment& lse, const Places& places, int head,
                                       int64_t first, int q_rows) {
    constexpr float kLn2 = 0.693147180559945309f;
    const auto rows = places(cute::make_coord(cute::_0{}, cute::_, cute::_0{}), cute::_, cute::_0{});
    if (cute::get<1>(rows(cute::_0{})) != 0) return;
    CUTLASS_PRAGMA_UNROLL
    for (int i = 0; i < cute::size(lse); ++i) {
      const int64_t row = first + cute::get<0>(rows(i));
      if (row < q_rows) target.lse[head * target.lse_head + row * target.lse_row] = lse(i) * kLn2;
    }
  }

  /// Through shared memory, where V was. FlashInfer 0.7.2 lets each warp arrive at the second barrier before it waits
  /// there, so that half of the warps open it by themselves and may store V in the place of the others' O.
  template <typename Storage, typename FragmentO, typename Mma, typename Coord>
  CUTLASS_DEVICE static void write_halves(const typename Base::Params& params, const FragmentO& o, Storage& storage,
                                          Mma mma, int thread, const Coord& coord) {
    using cutlass::arch::NamedBarrier;
    const auto [tile, head, kv_head, q_begin, kv_begin, q_rows, kv_rows, batch] = coord;
    const auto shared = cute::make_tensor(cute::make_smem_ptr(storage.smem_o.data()), typename Base::SmemLayoutO{});
    const auto copy = cute::make_tiled_copy_C(typename Base::SmemCopyAtomO{}, mma);
    const auto mine = copy.get_thread_slice(thread);
    const auto halves = fi::convert_type<typename Base::DTypeO>(o);
    NamedBarrier::sync(Base::NUM_MMA_THREADS, static_cast<uint32_t>(fi::NamedBarriers::kValueEmpty));
    cute::copy(copy, mine.retile_S(halves), mine.partition_D(shared));
    NamedBarrier::sync(Base::NUM_MMA_THREADS, cutlass::arch::ReservedNamedBarriers::EpilogueBarrier);
    fi::write_O<Base::NUM_COPY_THREADS>(params.O_ptr, typename Base::TiledCopyO{}, params.layout_O,
                                        cute::select<0, 1>(typename Base::TileShape_PDV{}), shared, thread, tile, head,
                                        q_begin, q_rows, /*write_warp_idx=*/0);
  }

  /// Elements come in pairs of neighbouring channels.
  template <typename Fragment, typename Places>
  CUTLASS_DEVICE static void write_o(const StateTarget& target, const Fragment& o, const Places& places, int head,
                                     int64_t first, int q_rows) {
    CUTLASS_PRAGMA_UNROLL
    for (int i = 0; i < cute::size(o); i += 2) {
      const int64_t row = first + cute::get<0>(places(i));
      if (row < q_rows) {
        float* to = target.o + head * target.o_head + row * target.o_row + cute::get<1>(places(i));
        *reinterpret_cast<float2*>(to) = make_float2(o(i), o(i + 1));
      }
    }
  }
};

/// The tiles of a head from the last one on: under a causal mask the longest goes first.
struct LastTileFirst : fi::SingleTileScheduler {
  CUTLASS_DEVICE WorkTileInfo get_initial_work(const Params& params) const {
    const int head = static_cast<int>(blockIdx.y);
    return {static_cast<int>(gridDim.x - 1 - blockIdx.x), head, params.group_size_fastdiv.divide(head), true};
  }
};

struct Additional {
  float sm_scale = 1;
};

template <typename Element, int kDim, bool kCausal>
class Launch final : public FlashinferLaunch {
  static constexpr auto kTile = fi::getCTATileSize<kDim, kDim, kCausal>();
  using Traits = fi::AttentionKernelTraits</*USE_TMA_LOAD_KV=*/true, kDim, kDim, std::get<0>(kTile), std::get<1>(kTile),
                                           /*NUM_STAGES=*/2, Element, Element, Element, int32_t, fi::StandardAttention>;
  using Mainloop = fi::CollectiveMainloop<Additional, Traits, kCausal>;
  using Epilogue = StateEpilogue<Traits>;
  using Scheduler = LastTileFirst;

 public:
  explicit Launch(const FlashinferCall& call)
      : mainloop_(mainloop_of(call)),
        epilogue_(epilogue_of(call)),
        scheduler_{static_cast<int>(call.q_rows), static_cast<int>(call.kv_rows),
                   cutlass::FastDivmod(static_cast<int>(call.query_heads / call.kv_heads))},
        grid_(static_cast<unsigned>((call.q_rows + Traits::CTA_Q - 1) / Traits::CTA_Q),
              static_cast<unsigned>(call.query_heads)) {
    ready_ = cudaFuncSetAttribute(kernel(), cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes);
  }

  cudaError_t enqueue(cudaStream_t stream) const override {
    if (ready_ != cudaSuccess) return ready_;
    void* arguments[] = {const_cast<MainloopParams*>(&mainloop_), const_cast<EpilogueParams*>(&epilogue_),
                         const_cast<SchedulerParams*>(&scheduler_)};
    return cudaLaunchKernel(kernel(), grid_, dim3(Traits::NUM_THREADS), arguments, kSharedBytes, stream);
  }

 private:
  using MainloopParams = typename Mainloop::Params;
  using EpilogueParams = typename Epilogue::Params;
  using SchedulerParams = typename Scheduler::Params;
  static constexpr int kSharedBytes = sizeof(typename Traits::SharedStorage);

  static const void* kernel() {
    return reinterpret_cast<const void*>(
        &fi::PrefillWithKVCacheKernel<Mainloop, Epilogue, Traits, /*LEFT_SLIDING_WINDOW=*/false, kCausal, Scheduler>);
  }

  /// A stride of a single row or head is never used, but TMA looks at it.
  static auto layout(int64_t rows, int64_t heads, const CallStrides& strides) {
    return fi::get_gmem_layout(static_cast<int>(rows), static_cast<int>(heads), kDim, rows > 1 ? strides.row : kDim,
                               heads > 1 ? strides.head : kDim);
  }

  static MainloopParams mainloop_of(const FlashinferCall& call) {
    return Mainloop::to_underlying_arguments(
        {reinterpret_cast<const Element*>(call.q), layout(call.q_rows, call.query_heads, call.q_strides),
         reinterpret_cast<const Element*>(call.k), layout(call.kv_rows, call.kv_heads, call.k_strides),
         reinterpret_cast<const Element*>(call.v), layout(call.kv_rows, call.kv_heads, call.v_strides), -1,
         Additional{call.scale}});
  }

  static EpilogueParams epilogue_of(const FlashinferCall& call) {
    const bool is_fp32 = call.o_is_fp32;
    const StateTarget target{is_fp32 ? reinterpret_cast<float*>(call.o) : nullptr,
                             call.o_strides.row,
                             call.o_strides.head,
                             call.lse,
                             call.lse_strides.row,
                             call.lse_strides.head};
    return {
        {is_fp32 ? nullptr : reinterpret_cast<Element*>(call.o), layout(call.q_rows, call.query_heads, call.o_strides),
         nullptr, fi::get_lse_gmem_layout(static_cast<int>(call.q_rows), static_cast<int>(call.query_heads))},
        target};
  }

  MainloopParams mainloop_;
  EpilogueParams epilogue_;
  SchedulerParams scheduler_;
  dim3 grid_;
  cudaError_t ready_ = cudaSuccess;
};

}  // namespace ringfold::hopper
