#pragma once

#include "kernels/cuda_launch.h"
#include "kernels/cuda_tiles.cuh"
#include "kernels/row_runs.h"
#include "kernels/weighted_sum.h"

#include <cuda_runtime.h>

#include <cstdint>

namespace ringfold {

/// An LSE until the row is weighed, then the weight.
union MergeWeight {
  double lse;
  SplitWeight split;
};

/// How a row's O is made: by a sum, of no term where nothing weighs; or as a copy of the one part that weighs.
enum class RowKind : int32_t { sum, single };

/// What a block knows of its tile, in shared memory; that of (entry e, row i) is at e * tile_rows + i.
struct MergeTile {
  static constexpr int32_t kCellBytes = 8 + sizeof(MergeWeight) + 1;
  static constexpr int32_t kRowBytes = 8 + sizeof(RowKind);

  const std::byte** source;  ///< first channel of the part's row; null: there is none
  MergeWeight* weight;
  std::byte** target;
  RowKind* kind;
  uint8_t* dtype;
  int32_t stride;
  int32_t entries;

  __device__ MergeTile(std::byte* shared, const MergeLaunch& merge)
      : stride(merge.tile_rows), entries(merge.most_entries) {
    const int32_t cells = stride * entries;
    source = reinterpret_cast<const std::byte**>(shared);
    weight = reinterpret_cast<MergeWeight*>(source + cells);
    target = reinterpret_cast<std::byte**>(weight + cells);
    kind = reinterpret_cast<RowKind*>(target + stride);
    dtype = reinterpret_cast<uint8_t*>(kind + stride);
  }
};

__device__ inline double infinity() { return std::bit_cast<double>(uint64_t{0x7ff0000000000000}); }

__device__ inline int64_t target_row(const MergeLaunch& merge, int64_t row, const MergeRun** run) {
  *run = merge.runs + find_run(merge.runs, merge.run_count, row);
  return (*run)->row + row - (*run)->first;
}

/// A row of one part.
struct PartRow {
  const std::byte* o = nullptr;  ///< null: the part has no such row
  DType dtype = DType::fp32;
  double lse = -INFINITY;
};

/// The `entry`-th part of a row of the target. Only here are LSEs read: the target's may be one of them.
__device__ inline PartRow find_part(const MergeLaunch& merge, const MergeRun& run, int32_t entry, int64_t row,
                                    int64_t head) {
  PartRow found;
  if (entry >= run.entries) return found;
  const StatePart& part = merge.parts[merge.entries[run.entry + entry]];
  const int64_t part_row = row - part.target_row;
  const int64_t part_head = head - part.target_head;
  if (part_head < 0 || part_head >= part.heads) return found;
  const StateRows& from = part.from;
  const int64_t element = part_head * from.o_head_stride + part_row * from.o_row_stride;
  found.o = from.o + element * (is_wide(from.dtype) ? 4 : 2);
  found.dtype = from.dtype;
  if (from.lse != nullptr) {
    const double lse = from.lse[part_head * from.lse_head_stride + part_row * from.lse_row_stride];
    found.lse = part.base_2 ? lse * 0.693147180559945309417 : lse;
  }
  return found;
}

/// Where the target's row of a head begins, and its LSE stands.
__device__ inline std::byte* target_o(const MergeLaunch& merge, int64_t row, int64_t head) {
  const StateRows& target = merge.target;
  return target.o + (head * target.o_head_stride + row * target.o_row_stride) * (is_wide(target.dtype) ? 4 : 2);
}
__device__ inline void store_lse(const MergeLaunch& merge, int64_t row, int64_t head, double lse) {
  const StateRows& target = merge.target;
  if (target.lse == nullptr) return;
  target.lse[head * target.lse_head_stride + row * target.lse_row_stride] = static_cast<float>(lse);
}

/// Over the `lanes` threads, a power of 2 and neighbours of one warp, that share a row.
template <typename Combine>
__device__ double over_lanes(double value, int32_t lanes, Combine&& combine) {
  for (int32_t distance = lanes / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, distance));
  }
  return value;
}

/// Turns the LSEs of row i into weights, as merge_rows of host_state.h does; returns the row's LSE. All threads of a
/// warp must call it: `lanes` of them, of which this is number `lane`, share the row. A row below 0 is none.
__device__ inline double weigh(const MergeTile& tile, int32_t i, int32_t lane, int32_t lanes) {
  const int32_t entries = i < 0 ? 0 : tile.entries;
  double largest = -infinity();
  double weighing = 0.0;
  for (int32_t e = lane; e < entries; e += lanes) {
    const double lse = tile.weight[e * tile.stride + i].lse;
    if (lse == -infinity()) continue;
    // A NaN is kept: whatever made it must not be hidden.
    largest = lse > largest || lse != lse ? lse : largest;
    weighing += 1.0;
  }
  largest = over_lanes(largest, lanes, [](double a, double b) { return b > a || b != b ? b : a; });
  weighing = over_lanes(weighing, lanes, [](double a, double b) { return a + b; });
  const bool is_single = weighing == 1.0;
  double total = 0.0;
  for (int32_t e = lane; e < entries; e += lanes) {
    double& lse = tile.weight[e * tile.stride + i].lse;
    lse = lse == -infinity() ? 0.0 : is_single ? 1.0 : exp(lse - largest);
    total += lse;
  }
  total = over_lanes(total, lanes, [](double a, double b) { return a + b; });
  for (int32_t e = lane; e < entries; e += lanes) {
    MergeWeight& weight = tile.weight[e * tile.stride + i];
    const double share = weight.lse;
    // In a sum without terms there is nothing to divide.
    weight.split = split_weight(share == 0.0 ? 0.0 : share / total);
  }
  if (i >= 0 && lane == 0) tile.kind[i] = is_single ? RowKind::single : RowKind::sum;
  return weighing <= 1.0 ? largest : largest + log(total);
}

}  // namespace ringfold
