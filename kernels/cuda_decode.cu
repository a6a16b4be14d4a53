// Attention of few queries: starts the kernel of the right shape.
#include "kernels/cuda_check.h"
#include "kernels/decode_block.cuh"

namespace ringfold {

namespace {

template <DType kType, int kDim, int kRowTiles>
__global__ void __launch_bounds__(kDecodeThreads, kDecodeBlocks[kRowTiles == 1 ? 0 : 1])
    decode_kernel(const __grid_constant__ DecodeLaunch launch) {
  using Work = Decode<kType, kDim, kRowTiles>;
  extern __shared__ __align__(16) std::byte shared[];
  __shared__ typename Work::Sums sums;
  Work work(launch, blockIdx.x, shared, sums);
  work.attend();
  work.share_sums();
  work.write();
}

template <DType kType, int kDim, int kRowTiles>
void launch_shape(const DecodeLaunch& decode, cudaStream_t stream) {
  const auto kernel = decode_kernel<kType, kDim, kRowTiles>;
  constexpr int kBytes = Decode<kType, kDim, kRowTiles>::kSharedBytes;
  RINGFOLD_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(decode.item_count * decode.kv_heads));
  config.blockDim = dim3(kDecodeThreads);
  config.dynamicSmemBytes = kBytes;
  config.stream = stream;
  RINGFOLD_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, decode));
}

template <DType kType, int kDim>
void launch_dim(const DecodeLaunch& decode, cudaStream_t stream) {
  if (decode.rows == 16) return launch_shape<kType, kDim, 1>(decode, stream);
  launch_shape<kType, kDim, 4>(decode, stream);
}

template <DType kType>
void launch_type(const DecodeLaunch& decode, cudaStream_t stream) {
  if (decode.dim == 64) return launch_dim<kType, 64>(decode, stream);
  launch_dim<kType, 128>(decode, stream);
}

}  // namespace

void launch_decode(const DecodeLaunch& decode, cudaStream_t stream) {
  if (decode.item_count == 0) return;
  if (decode.dtype == DType::bf16) return launch_type<DType::bf16>(decode, stream);
  launch_type<DType::fp16>(decode, stream);
}

}  // namespace ringfold
