#pragma once

#include "kernels/merge_tables.h"

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace ringfold {

/// K and V of one piece: element 0 of row 0 of the launch's first kv head; strides in bytes, multiples of 16, as the
/// addresses are.
struct DecodePiece {
  const std::byte* k = nullptr;
  const std::byte* v = nullptr;
  int64_t k_row = 0;
  int64_t k_head = 0;
  int64_t v_row = 0;
  int64_t v_head = 0;
};

/// One query token of an item. It sees the item's keys [begin, end), by their number in the list of keys.
struct DecodeQuery {
  int64_t q_row = 0;
  int64_t out_row = 0;  ///< of the item's output
  int32_t begin = 0;
  int32_t end = 0;
};

/// What a block does, for one kv head each: the queries of a sequence against keys [begin, end) of a list. The list is
/// what a piece has of the sequence, by position: key j lies in row rows[table + j], or first_row + j without a table.
struct DecodeItem {
  int32_t piece = 0;
  int32_t output = 0;  ///< of DecodeLaunch::outputs
  int32_t query = 0;   ///< first of `queries`
  int32_t queries = 0;
  int32_t begin = 0;
  int32_t end = 0;
  int32_t open_begin = 0;  ///< keys that every query sees: [open_begin, open_end)
  int32_t open_end = 0;
  int64_t first_row = 0;
  int64_t table = -1;  ///< -1: none
};

/// Attention of few queries: queries x `group` <= `rows`. All lists are on the device.
struct DecodeLaunch {
  const DecodeItem* items = nullptr;
  const DecodePiece* pieces = nullptr;
  const DecodeQuery* queries = nullptr;
  const int32_t* rows_of_keys = nullptr;
  int64_t item_count = 0;
  int64_t kv_heads = 0;
  int32_t group = 1;             ///< query heads per kv head
  const std::byte* q = nullptr;  ///< element 0 of row 0 of the first query head; strides in bytes, as those of pieces
  int64_t q_row = 0;
  int64_t q_head = 0;
  /// Head 0 is the first query head. The target, in any dtype, and scratch memory. LSEs are natural.
  StateRows outputs[2];
  DType dtype = DType::bf16;  ///< of Q, K and V: bf16 or fp16
  int32_t dim = 0;            ///< one of kDecodeDims
  int32_t rows = 0;           ///< of a block: one of kDecodeRows
  float scale = 1;
  float softcap = 0;  ///< 0: none
};

inline constexpr int32_t kDecodeDims[] = {64, 128};
/// Rows, (token, query head) pairs, that a block takes.
inline constexpr int32_t kDecodeRows[] = {16, 64};
/// Of each, blocks that a multiprocessor runs at once.
inline constexpr int32_t kDecodeBlocks[] = {3, 2};
/// Keys that a block multiplies at once.
inline constexpr int32_t kDecodeKeys = 64;

/// Starts the kernel on a stream of the current device; may be called while the stream is recorded.
void launch_decode(const DecodeLaunch& decode, cudaStream_t stream);

}  // namespace ringfold
