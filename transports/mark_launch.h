#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace ringfold {

// What mark.cu offers. It includes nothing that nvcc cannot read.

/// Writes a number for the host, once the stream has come so far, as a kernel of one thread: between an exchange's
/// kernels that takes 1 us, where a memory operation of the stream takes 5 as a node of a graph. May be recorded.
void launch_mark(uint32_t* word, uint32_t number, cudaStream_t stream);
/// Has the kernel loaded: at a first launch that might wait for kernels which wait for this one.
cudaError_t load_mark();

}  // namespace ringfold
