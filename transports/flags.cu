// Flags that a stream writes and waits for. Release and acquire at system scope, of CUDA's memory model, order what
// stands before and behind them on the stream.
#include "transports/flags_launch.h"

#include <cuda/atomic>

namespace ringfold {

namespace {

using Word = cuda::atomic_ref<uint32_t, cuda::thread_scope_system>;

__device__ void take(uint32_t* flag) {
  while (static_cast<int32_t>(Word(*flag).load(cuda::memory_order_acquire)) < 1) {
  }
  Word(*flag).store(0, cuda::memory_order_relaxed);
}

__global__ void take_steps(const FlagSteps flags) {
  for (int i = 0; i < flags.count; ++i) {
    const FlagStep& step = flags.steps[i];
    switch (step.deed) {
      case FlagDeed::set: Word(*step.word).store(1, cuda::memory_order_release); break;
      case FlagDeed::take: take(step.word); break;
      case FlagDeed::write: Word(*step.word).store(step.number, cuda::memory_order_relaxed); break;
    }
  }
}

}  // namespace

void launch_flags(const FlagSteps& flags, cudaStream_t stream) { take_steps<<<1, 1, 0, stream>>>(flags); }

cudaError_t load_flags() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, take_steps);
}

}  // namespace ringfold
