// Merges, finishes and fills: a block takes a tile of rows of one head. First it finds each row's parts, weighs them in
// fp64 and writes the row's LSE; then all threads go through the tile's channels.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_tiles.cuh"
#include "kernels/row_runs.h"
#include "kernels/weighted_sum.h"

namespace ringfold {

namespace {

/// Rows whose channels a thread sums at once, so that their loads are under way together.
constexpr int kAtOnce = 2;
constexpr int kTileChannels = 8192;
constexpr int kSharedBytes = 40 << 10;

/// An LSE until the row is weighed, then the weight.
union Weight {
  double lse;
  SplitWeight split;
};

/// How a row's O is made: by a sum, of no term where nothing weighs; or as a copy of the one part that weighs.
enum RowKind : int32_t { kSum, kSingle };

/// What a block knows of its tile, in shared memory; that of (entry e, row i) is at e * tile_rows + i.
struct Tile {
  const std::byte** source;  ///< first channel of the part's row; null: there is none
  Weight* weight;
  std::byte** target;
  RowKind* kind;
  uint8_t* dtype;
  int32_t stride;
  int32_t entries;

  __device__ Tile(std::byte* shared, const MergeLaunch& merge) : stride(merge.tile_rows), entries(merge.most_entries) {
    const int32_t cells = stride * entries;
    source = reinterpret_cast<const std::byte**>(shared);
    weight = reinterpret_cast<Weight*>(source + cells);
    target = reinterpret_cast<std::byte**>(weight + cells);
    kind = reinterpret_cast<RowKind*>(target + stride);
    dtype = reinterpret_cast<uint8_t*>(kind + stride);
  }
};
constexpr int32_t kCellBytes = 8 + sizeof(Weight) + 1;
constexpr int32_t kRowBytes = 8 + sizeof(RowKind);

__device__ double infinity() { return std::bit_cast<double>(uint64_t{0x7ff0000000000000}); }

__device__ int64_t target_row(const MergeLaunch& merge, int64_t row, const MergeRun** run) {
  *run = merge.runs + find_run(merge.runs, merge.run_count, row);
  return (*run)->row + row - (*run)->first;
}

/// Fills in one cell of the tile. Only here are LSEs read: the target's may be one of them.
template <int kChannels>
__device__ bool find_part(const MergeLaunch& merge, Tile& tile, int64_t first_row, int64_t head, int32_t cell) {
  const int32_t entry = cell / tile.stride;
  const MergeRun* run = nullptr;
  const int64_t row = target_row(merge, first_row + cell % tile.stride, &run);
  tile.source[cell] = nullptr;
  tile.weight[cell].lse = -infinity();
  if (entry >= run->entries) return true;
  const StatePart& part = merge.parts[merge.entries[run->entry + entry]];
  const int64_t part_row = row - part.target_row;
  const int64_t part_head = head - part.target_head;
  if (part_head < 0 || part_head >= part.heads) return true;
  const StateRows& from = part.from;
  const int64_t element = part_head * from.o_head_stride + part_row * from.o_row_stride;
  tile.source[cell] = from.o + element * (is_wide(from.dtype) ? 4 : 2);
  tile.dtype[cell] = static_cast<uint8_t>(from.dtype);
  if (from.lse != nullptr) {
    const double lse = from.lse[part_head * from.lse_head_stride + part_row * from.lse_row_stride];
    tile.weight[cell].lse = part.base_2 ? lse * 0.693147180559945309417 : lse;
  }
  return is_aligned<kChannels>(tile.source[cell], from.dtype);
}

/// Turns the LSEs of row i into weights, as merge_rows of host_state.h does; returns the row's LSE.
__device__ double weigh(const Tile& tile, int32_t i, bool verbatim) {
  double largest = -infinity();
  int32_t weighing = 0;
  int32_t last = 0;
  for (int32_t e = 0; e < tile.entries; ++e) {
    const double lse = tile.weight[e * tile.stride + i].lse;
    if (lse == -infinity()) continue;
    // A NaN is kept: whatever made it must not be hidden.
    largest = lse > largest || lse != lse ? lse : largest;
    last = e;
    ++weighing;
  }
  const bool is_single = verbatim || weighing == 1;
  tile.kind[i] = is_single ? kSingle : kSum;
  double total = 0.0;
  for (int32_t e = 0; e < tile.entries; ++e) {
    double& lse = tile.weight[e * tile.stride + i].lse;
    const double weight = is_single ? (e == last ? 1.0 : 0.0) : lse == -infinity() ? 0.0 : exp(lse - largest);
    lse = weight;
    total += weight;
  }
  for (int32_t e = 0; e < tile.entries; ++e) {
    Weight& weight = tile.weight[e * tile.stride + i];
    const double share = weight.lse;
    // In a sum without terms there is nothing to divide.
    weight.split = split_weight(share == 0.0 ? 0.0 : share / total);
  }
  return weighing <= 1 ? largest : largest + log(total);
}

/// The sum where one of its terms, or itself, is not finite: in fp64, which has room for every product.
__device__ __noinline__ float plain_sum(const Tile& tile, int32_t i, int32_t channel) {
  double sum = 0.0;
  for (int32_t e = 0; e < tile.entries; ++e) {
    const int32_t cell = e * tile.stride + i;
    const SplitWeight weight = tile.weight[cell].split;
    if (weight.high == 0.0f) continue;
    const auto dtype = static_cast<DType>(tile.dtype[cell]);
    const float value = value_of<1>(load_raw<1>(tile.source[cell], dtype, channel), dtype, 0);
    sum += (static_cast<double>(weight.high) + static_cast<double>(weight.low)) * static_cast<double>(value);
  }
  return static_cast<float>(sum);
}

template <int kChannels>
__device__ void store_row(const Tile& tile, DType dtype, int32_t i, int32_t channel,
                          const WeightedSum (&sums)[kChannels]) {
  float values[kChannels];
#pragma unroll
  for (int c = 0; c < kChannels; ++c) {
    values[c] = tile.kind[i] == kSingle ? sums[c].high : sums[c].value();
    if (tile.kind[i] == kSum && !isfinite(values[c])) values[c] = plain_sum(tile, i, channel + c);
  }
  store_channels<kChannels>(tile.target[i], dtype, channel, values);
}

/// Adds entry e to the sums of kAtOnce places of the tile; a row below 0 is none.
template <int kChannels>
__device__ void add_entry(const Tile& tile, int32_t e, const int32_t (&rows)[kAtOnce], const int32_t (&units)[kAtOnce],
                          WeightedSum (&sums)[kAtOnce][kChannels]) {
  SplitWeight weights[kAtOnce];
  DType dtypes[kAtOnce];
  RawChannels<kChannels> raw[kAtOnce];
#pragma unroll
  for (int k = 0; k < kAtOnce; ++k) {
    const int32_t cell = e * tile.stride + max(rows[k], 0);
    weights[k] = rows[k] < 0 ? SplitWeight{} : tile.weight[cell].split;
    // Not only faster: what nobody may read, and an infinite O that another part outweighs, must stay out.
    if (weights[k].high == 0.0f) continue;
    dtypes[k] = static_cast<DType>(tile.dtype[cell]);
    raw[k] = load_raw<kChannels>(tile.source[cell], dtypes[k], units[k] * kChannels);
  }
#pragma unroll
  for (int k = 0; k < kAtOnce; ++k) {
    if (weights[k].high == 0.0f) continue;
#pragma unroll
    for (int c = 0; c < kChannels; ++c) {
      sums[k][c].add(weights[k], value_of(raw[k], dtypes[k], c),
                     [](float a, float b, float d) { return fmaf(a, b, d); });
    }
  }
}

template <int kChannels>
__device__ void combine(const Tile& tile, DType dtype, int32_t rows_in_tile, int32_t dim) {
  TileWalk walk(static_cast<int32_t>(threadIdx.x), kTileThreads, dim / kChannels);
  while (walk.row < rows_in_tile) {
    int32_t rows[kAtOnce];
    int32_t units[kAtOnce];
    WeightedSum sums[kAtOnce][kChannels];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      rows[k] = walk.row < rows_in_tile ? walk.row : -1;
      units[k] = walk.unit;
      walk.next();
    }
#pragma unroll 2
    for (int32_t e = 0; e < tile.entries; ++e) add_entry<kChannels>(tile, e, rows, units, sums);
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if (rows[k] >= 0) store_row<kChannels>(tile, dtype, rows[k], units[k] * kChannels, sums[k]);
    }
  }
}

/// Fills the tile's shared memory and writes its LSEs. Can all rows be moved four channels at once?
__device__ bool begin_tile(const MergeLaunch& merge, Tile& tile, int64_t first_row, int64_t head, int32_t rows) {
  const auto thread = static_cast<int32_t>(threadIdx.x);
  const StateRows& target = merge.target;
  bool aligned = merge.dim % 4 == 0;
  for (int32_t cell = thread; cell < tile.stride * tile.entries; cell += kTileThreads) {
    if (cell % tile.stride < rows) aligned &= find_part<4>(merge, tile, first_row, head, cell);
  }
  for (int32_t i = thread; i < rows; i += kTileThreads) {
    const MergeRun* run = nullptr;
    const int64_t row = target_row(merge, first_row + i, &run);
    const int64_t element = head * target.o_head_stride + row * target.o_row_stride;
    tile.target[i] = target.o + element * (is_wide(target.dtype) ? 4 : 2);
    aligned &= is_aligned<4>(tile.target[i], target.dtype);
  }
  aligned = __syncthreads_and(aligned) != 0;
  for (int32_t i = thread; i < rows; i += kTileThreads) {
    const double lse = weigh(tile, i, merge.verbatim);
    const MergeRun* run = nullptr;
    const int64_t row = target_row(merge, first_row + i, &run);
    if (target.lse != nullptr) {
      target.lse[head * target.lse_head_stride + row * target.lse_row_stride] = static_cast<float>(lse);
    }
  }
  __syncthreads();
  return aligned;
}

__global__ void __launch_bounds__(kTileThreads) merge_rows_kernel(const MergeLaunch merge) {
  extern __shared__ __align__(16) std::byte shared[];
  Tile tile(shared, merge);
  const int64_t head_tiles = (merge.rows + merge.tile_rows - 1) / merge.tile_rows;
  for (int64_t number = blockIdx.x; number < head_tiles * merge.heads; number += gridDim.x) {
    const int64_t head = number / head_tiles;
    const int64_t first_row = (number - head * head_tiles) * merge.tile_rows;
    const auto rows = static_cast<int32_t>(min(static_cast<int64_t>(merge.tile_rows), merge.rows - first_row));
    if (begin_tile(merge, tile, first_row, head, rows)) {
      combine<4>(tile, merge.target.dtype, rows, merge.dim);
    } else {
      combine<1>(tile, merge.target.dtype, rows, merge.dim);
    }
    __syncthreads();
  }
}

}  // namespace

int32_t merge_tile_rows(const MergeLaunch& merge, int multiprocessors) {
  const int32_t row_bytes = merge.most_entries * kCellBytes + kRowBytes;
  const int64_t most = std::min<int64_t>(kSharedBytes / row_bytes, kTileChannels / std::max(merge.dim, 1));
  // Small merges: four blocks a multiprocessor before blocks get more rows.
  const int64_t spread = merge.rows * merge.heads / (int64_t{4} * multiprocessors);
  return static_cast<int32_t>(std::clamp<int64_t>(std::min(most, spread), 1, kTileThreads));
}

void launch_merge(const MergeLaunch& merge, cudaStream_t stream) {
  const int32_t row_bytes = merge.most_entries * kCellBytes + kRowBytes;
  launch_tiles(merge_rows_kernel, merge, tiles_of(merge.rows, merge.tile_rows) * merge.heads,
               static_cast<size_t>(row_bytes) * static_cast<size_t>(merge.tile_rows), stream);
}

}  // namespace ringfold
