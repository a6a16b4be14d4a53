#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace ringfold {

// What flags.cu offers. It includes nothing that nvcc cannot read.

enum class FlagDeed : uint32_t {
  set,    ///< to 1; what was put on the stream before is visible to whoever sees it
  take,   ///< waits until it is at least 1, as a signed number, and clears it
  write,  ///< a number for the host, with nothing behind it
};

struct FlagStep {
  uint32_t* word = nullptr;
  FlagDeed deed = FlagDeed::set;
  uint32_t number = 0;  ///< that is written
};

struct FlagSteps {
  static constexpr int kMost = 32;
  FlagStep steps[kMost];
  int32_t count = 0;
};

/// Takes the steps one by one, as a kernel of one thread: as a node of a graph that takes 1 to 2 us, where memory
/// operations of the stream take 5. May be recorded.
void launch_flags(const FlagSteps& flags, cudaStream_t stream);
/// Has the kernel loaded: at a first launch that might wait for kernels which wait for this one.
cudaError_t load_flags();

}  // namespace ringfold
