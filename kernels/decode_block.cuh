#pragma once

#include "kernels/decode_copy.cuh"
#include "kernels/decode_tile.cuh"

namespace ringfold {

/// A block's work: the rows of one kv head, pairs of a token and a query head, against a part of the keys of one
/// sequence, in tiles of 64 keys that are copied while the one before is multiplied. Warps share out either the rows or
/// the keys of a tile. Softmax is online, in fp32; weights are summed before they are rounded to the 16 bits that
/// products take.
///
/// kRowTiles: of 16 rows, each a warp's; where there are fewer than warps, warps share out the keys.
template <DType kType, int kDim, int kRowTiles>
struct Decode {
  static constexpr int kRows = 16 * kRowTiles;
  static constexpr int kKeyParts = kDecodeWarps / kRowTiles;
  static constexpr int kPartKeys = kDecodeKeys / kKeyParts;  // of a tile, a warp's
  using Copier = KeyCopier<kDim>;
  static constexpr int kRowBytes = Copier::kRowBytes;
  static constexpr int kTileBytes = Copier::kTileBytes;
  static constexpr int kSumBytes = kKeyParts * kRows * kDim * 4;
  static constexpr int kSharedBytes =
      kDecodeStages * 2 * kTileBytes > kSumBytes ? kDecodeStages * 2 * kTileBytes : kSumBytes;
  static_assert(kRows <= kDecodeKeys);

  /// Maxima, in powers of two, and sums of each part's weights.
  struct Sums {
    float largest[kKeyParts][kRows];
    float sum[kKeyParts][kRows];
  };

  const DecodeLaunch& launch;
  const DecodeItem item;
  const int64_t kv_head;
  std::byte* const shared;
  Sums& sums;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % 32;
  const int row_tile = thread / 32 % kRowTiles;
  const int part = thread / 32 / kRowTiles;

  uint32_t q[kDim / 16][4];
  float o[kDim / 8][4] = {};
  float largest[2] = {minus_infinity(), minus_infinity()};  // of rows lane / 4 and lane / 4 + 8
  float sum[2] = {0.0f, 0.0f};                              // of this lane's keys
  int32_t begin[2];                                         // keys that the rows see
  int32_t end[2];
  Copier copier;

  __device__ Decode(const DecodeLaunch& l, int64_t block, std::byte* memory, Sums& s)
      : launch(l),
        item(l.items[block / l.kv_heads]),
        kv_head(block % l.kv_heads),
        shared(memory),
        sums(s),
        copier(l, item, kv_head, memory) {}

  __device__ const DecodeQuery& query_of(int row) const { return launch.queries[item.query + row / launch.group]; }
  __device__ int row_count() const { return item.queries * launch.group; }

  /// Takes the queries through the last stage's memory into registers.
  __device__ void load_queries() {
    std::byte* tile = shared + (kDecodeStages - 1) * 2 * kTileBytes;
    for (int i = thread; i < kRows * Copier::kChunks; i += kDecodeThreads) {
      const int row = i / Copier::kChunks;
      uint4 chunk = make_uint4(0, 0, 0, 0);
      if (row < row_count()) {
        const int64_t head = kv_head * launch.group + row % launch.group;
        const std::byte* from = launch.q + query_of(row).q_row * launch.q_row + head * launch.q_head;
        chunk = reinterpret_cast<const uint4*>(from)[i % Copier::kChunks];
      }
      *reinterpret_cast<uint4*>(tile + row * kRowBytes + i % Copier::kChunks * 16) = chunk;
    }
    __syncthreads();
    const uint32_t address = shared_address(tile) + (16 * row_tile + lane % 16) * kRowBytes + lane / 16 * 16;
#pragma unroll
    for (int step = 0; step < kDim / 16; ++step) load_matrices(q[step], address + 32 * step);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = 16 * row_tile + lane / 4 + 8 * half;
      begin[half] = row < row_count() ? query_of(row).begin : 0;
      end[half] = row < row_count() ? min(query_of(row).end, item.end) : 0;
    }
    __syncthreads();
  }

  __device__ void multiply_keys(uint32_t tile, float (&scores)[kPartKeys / 8][4]) const {
    const uint32_t address = tile + (part * kPartKeys + lane % 8 + lane / 16 * 8) * kRowBytes + lane / 8 % 2 * 16;
#pragma unroll
    for (int step = 0; step < kDim / 16; ++step) {
#pragma unroll
      for (int keys = 0; keys < kPartKeys / 16; ++keys) {
        uint32_t b[4];
        load_matrices(b, address + keys * 16 * kRowBytes + 32 * step);
        multiply_add<kType>(scores[2 * keys], q[step], b[0], b[1]);
        multiply_add<kType>(scores[2 * keys + 1], q[step], b[2], b[3]);
      }
    }
  }

  /// Logits times log2 e; those that a row does not see are -infinity.
  __device__ void mask_and_scale(int32_t first_key, float (&scores)[kPartKeys / 8][4]) const {
    const bool is_capped = launch.softcap > 0.0f;
    const float before = is_capped ? launch.scale / launch.softcap : launch.scale * kLog2E;
    const float after = launch.softcap * kLog2E;
    const bool is_open = first_key >= item.open_begin && first_key + kDecodeKeys <= item.open_end;
#pragma unroll
    for (int block = 0; block < kPartKeys / 8; ++block) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float& score = scores[block][i];
        score *= before;
        if (is_capped) score = after * tanhf(score);
        if (is_open) continue;
        const int32_t key = first_key + part * kPartKeys + 8 * block + 2 * (lane % 4) + i % 2;
        if (key < begin[i / 2] || key >= end[i / 2]) score = minus_infinity();
      }
    }
  }

  /// Scores become weights; what was summed before is brought to the new maxima.
  __device__ void soften(float (&scores)[kPartKeys / 8][4]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float most = largest[half];
#pragma unroll
      for (int block = 0; block < kPartKeys / 8; ++block) {
        most = fmaxf(most, fmaxf(scores[block][2 * half], scores[block][2 * half + 1]));
      }
      most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 1));
      most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 2));
      const float zero = most == minus_infinity() ? 0.0f : most;
      const float change = power_of_2(largest[half] - zero);
      largest[half] = most;
      float added = 0.0f;
#pragma unroll
      for (int block = 0; block < kPartKeys / 8; ++block) {
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          scores[block][i] = power_of_2(scores[block][i] - zero);
          added += scores[block][i];
        }
      }
      sum[half] = fmaf(sum[half], change, added);
#pragma unroll
      for (int block = 0; block < kDim / 8; ++block) {
        o[block][2 * half] *= change;
        o[block][2 * half + 1] *= change;
      }
    }
  }

  __device__ void multiply_values(uint32_t tile, const float (&weights)[kPartKeys / 8][4]) {
    const uint32_t address = tile + (part * kPartKeys + lane % 16) * kRowBytes + lane / 16 * 16;
#pragma unroll
    for (int keys = 0; keys < kPartKeys / 16; ++keys) {
      const float(&left)[4] = weights[2 * keys];
      const float(&right)[4] = weights[2 * keys + 1];
      const uint32_t a[4] = {pack<kType>(left[0], left[1]), pack<kType>(left[2], left[3]),
                             pack<kType>(right[0], right[1]), pack<kType>(right[2], right[3])};
#pragma unroll
      for (int step = 0; step < kDim / 16; ++step) {
        uint32_t b[4];
        load_transposed(b, address + keys * 16 * kRowBytes + 32 * step);
        multiply_add<kType>(o[2 * step], a, b[0], b[1]);
        multiply_add<kType>(o[2 * step + 1], a, b[2], b[3]);
      }
    }
  }

  __device__ void attend() {
    const int tiles = (item.end - item.begin + kDecodeKeys - 1) / kDecodeKeys;
    copier.find_rows(0);
    copier.start_copy(0);
    commit_copies();
    copier.find_rows(1);
    load_queries();
    for (int tile = 0; tile < tiles; ++tile) {
      if (tile + 1 < tiles) {
        copier.start_copy((tile + 1) % kDecodeStages);
        copier.find_rows(tile + 2);
      }
      commit_copies();
      wait_for_copies<1>();
      __syncthreads();
      const uint32_t memory = shared_address(shared) + tile % kDecodeStages * 2 * kTileBytes;
      float scores[kPartKeys / 8][4] = {};
      multiply_keys(memory, scores);
      mask_and_scale(item.begin + tile * kDecodeKeys, scores);
      soften(scores);
      multiply_values(memory + kTileBytes, scores);
      __syncthreads();
    }
    wait_for_copies<0>();
  }

  /// Each part's sums, where all can see them.
  __device__ void share_sums() {
    auto* values = reinterpret_cast<float*>(shared);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = 16 * row_tile + lane / 4 + 8 * half;
      float all = sum[half];
      all += __shfl_xor_sync(0xffffffffu, all, 1);
      all += __shfl_xor_sync(0xffffffffu, all, 2);
      if (lane % 4 == 0) {
        sums.largest[part][row] = largest[half];
        sums.sum[part][row] = all;
      }
      float* to = values + (part * kRows + row) * kDim + 2 * (lane % 4);
#pragma unroll
      for (int block = 0; block < kDim / 8; ++block) {
        *reinterpret_cast<float2*>(to + 8 * block) = make_float2(o[block][2 * half], o[block][2 * half + 1]);
      }
    }
    __syncthreads();
  }

  /// Joins the parts of a row, four channels at a time, and writes O and its LSE.
  __device__ void write() const {
    const auto* values = reinterpret_cast<const float*>(shared);
    const StateRows& output = launch.outputs[item.output];
    for (int i = thread; i < row_count() * (kDim / 4); i += kDecodeThreads) {
      const int row = i / (kDim / 4);
      const int channel = i % (kDim / 4) * 4;
      float most = minus_infinity();
      for (int p = 0; p < kKeyParts; ++p) most = fmaxf(most, sums.largest[p][row]);
      float total = 0.0f;
      float made[4] = {0.0f, 0.0f, 0.0f, 0.0f};
      for (int p = 0; p < kKeyParts; ++p) {
        const float weight = power_of_2(sums.largest[p][row] - (most == minus_infinity() ? 0.0f : most));
        total = fmaf(weight, sums.sum[p][row], total);
        const float* from = values + (p * kRows + row) * kDim + channel;
        for (int c = 0; c < 4; ++c) made[c] = fmaf(weight, from[c], made[c]);
      }
      for (int c = 0; c < 4; ++c) made[c] = total == 0.0f ? 0.0f : made[c] / total;
      const int64_t head = kv_head * launch.group + row % launch.group;
      const int64_t out_row = query_of(row).out_row;
      const int64_t element = head * output.o_head_stride + out_row * output.o_row_stride;
      store_four(output.o + element * (is_wide(output.dtype) ? 4 : 2), output.dtype, channel, made);
      if (channel == 0) {
        output.lse[head * output.lse_head_stride + out_row * output.lse_row_stride] =
            total == 0.0f ? minus_infinity() : most * kLn2 + logf(total);
      }
    }
  }
};

}  // namespace ringfold
