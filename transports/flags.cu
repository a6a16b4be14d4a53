// Flags that a stream writes and waits for, in order with what stands before and behind them on it.
#include "transports/flags.cuh"
#include "transports/flags_launch.h"

namespace ringfold {

namespace {

__global__ void take_steps(const FlagSteps flags) {
  for (int i = 0; i < flags.count; ++i) {
    const FlagStep& step = flags.steps[i];
    switch (step.deed) {
      case FlagDeed::set: set_flag(step.word); break;
      case FlagDeed::take:
        await_flag(step.word);
        clear_flag(step.word);
        break;
      case FlagDeed::write: write_word(step.word, step.number); break;
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
