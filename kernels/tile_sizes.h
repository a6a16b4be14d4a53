#pragma once

#include "kernels/round_up.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace ringfold {

// docs/kernels.md says what was measured; all multiples of kLanes.
inline constexpr int kLanes = 16;        ///< rows of queries are rounded up to this
inline constexpr int kTileRows = 48;     ///< queries (token, head) for which a tile has space: VectorOps::tile_rows
inline constexpr int kTileKeys = 256;    ///< keys of a tile
inline constexpr int kBlockRows = 1152;  ///< queries that share a tile of keys once unpacked: whole tiles of any kind
inline constexpr int kSharedBlockRows = 576;  ///< the same where threads share out the blocks
/// Leading dimension of unpacked V: not a power of two, so that channels do not fall into the same cache sets.
inline constexpr int kValueStride = kTileKeys + 16;

/// Scratch memory for floats: a cache line's alignment, grown when needed, never shrunk, content not kept.
class Scratch {
 public:
  float* at_least(int64_t count) {
    if (count > count_) {
      constexpr size_t kLine = 64;
      const size_t bytes = (static_cast<size_t>(count) * sizeof(float) + kLine - 1) / kLine * kLine;
      memory_.reset(static_cast<float*>(std::aligned_alloc(kLine, bytes)));
      count_ = memory_ ? count : 0;
      if (!memory_) throw std::bad_alloc();
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  std::unique_ptr<float, Free> memory_;
  int64_t count_ = 0;
};

}  // namespace ringfold
