#pragma once

#include "kernels/decode_launch.h"
#include "kernels/decode_tile.cuh"

namespace ringfold {

inline constexpr int kDecodeWarps = 4;
inline constexpr int kDecodeThreads = 32 * kDecodeWarps;
inline constexpr int kDecodeStages = 2;

/// Copies tiles of an item's K and V to shared memory: stage by stage the tile of K, then that of V. A thread copies
/// one chunk of 16 bytes of every kPassKeys-th key.
template <int kDim>
struct KeyCopier {
  static constexpr int kChunks = kDim / 8;             // a row's
  static constexpr int kRowBytes = 16 * kChunks + 16;  // an odd number of chunks: no two of 8 rows share a bank
  static constexpr int kTileBytes = kDecodeKeys * kRowBytes;
  static constexpr int kPassKeys = kDecodeThreads / kChunks;
  static constexpr int kPasses = kDecodeKeys / kPassKeys;
  static_assert(kDecodeThreads % kChunks == 0 && kDecodeKeys % kPassKeys == 0);

  const uint32_t shared;
  const int thread = static_cast<int>(threadIdx.x);
  const int32_t begin;
  const int32_t end;
  const int32_t first_row;
  const int64_t table;
  const int32_t* const rows_of_keys;
  const std::byte* k;  ///< this thread's chunk of row 0
  const std::byte* v;
  int64_t k_row;
  int64_t v_row;
  int32_t rows[kPasses];  ///< of the keys that are copied next

  __device__ KeyCopier(const DecodeLaunch& launch, const DecodeItem& item, int64_t kv_head, std::byte* memory)
      : shared(shared_address(memory)),
        begin(item.begin),
        end(item.end),
        first_row(static_cast<int32_t>(item.first_row)),
        table(item.table),
        rows_of_keys(launch.rows_of_keys) {
    const DecodePiece& piece = launch.pieces[item.piece];
    k = piece.k + kv_head * piece.k_head + thread % kChunks * 16;
    v = piece.v + kv_head * piece.v_head + thread % kChunks * 16;
    k_row = piece.k_row;
    v_row = piece.v_row;
  }

  /// Looks up where the keys of a tile lie; -1: behind the last one.
  __device__ void find_rows(int tile) {
#pragma unroll
    for (int i = 0; i < kPasses; ++i) {
      const int32_t key = begin + tile * kDecodeKeys + i * kPassKeys + thread / kChunks;
      rows[i] = -1;
      if (key >= end) continue;
      rows[i] = table >= 0 ? rows_of_keys[table + key] : first_row + key;
    }
  }

  /// Starts copying the tile whose rows have been found.
  __device__ void start_copy(int stage) const {
    const uint32_t to = shared + stage * 2 * kTileBytes + thread / kChunks * kRowBytes + thread % kChunks * 16;
#pragma unroll
    for (int i = 0; i < kPasses; ++i) {
      const int64_t row = max(rows[i], 0);
      copy_async(to + i * kPassKeys * kRowBytes, k + row * k_row, rows[i] >= 0);
      copy_async(to + kTileBytes + i * kPassKeys * kRowBytes, v + row * v_row, rows[i] >= 0);
    }
  }
};

}  // namespace ringfold
