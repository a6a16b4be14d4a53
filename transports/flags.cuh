#pragma once

#include <cuda/atomic>

#include <cstdint>

namespace ringfold {

// Words that other devices and the host see. Release and acquire at system scope, of CUDA's memory model.
using SharedWord = cuda::atomic_ref<uint32_t, cuda::thread_scope_system>;

/// What was done before is seen by whoever sees the flag set.
__device__ inline void set_flag(uint32_t* flag) { SharedWord(*flag).store(1, cuda::memory_order_release); }

/// A number for the host: with nothing behind it.
__device__ inline void write_word(uint32_t* word, uint32_t number) {
  SharedWord(*word).store(number, cuda::memory_order_relaxed);
}

/// Until it is at least 1, as a signed number. It must be cleared before its other side is told.
__device__ inline void await_flag(uint32_t* flag) {
  while (static_cast<int32_t>(SharedWord(*flag).load(cuda::memory_order_acquire)) < 1) {
  }
}

__device__ inline void clear_flag(uint32_t* flag) { write_word(flag, 0); }

}  // namespace ringfold
