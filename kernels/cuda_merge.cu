// Merges, finishes and fills: a block takes a tile of rows of one head. First it finds each row's parts, weighs them in
// fp64 and writes the row's LSE; then all threads go through the tile's channels.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_tiles.cuh"
#include "kernels/merge_tile.cuh"
#include "kernels/weighted_sum.h"

namespace ringfold {

namespace {

/// Places of a tile that a thread sums at once, and parts of them whose loads are under way together: a multiprocessor
/// must have some 40 KiB under way, as far as registers allow.
template <int kChannels>
constexpr int kAtOnce = kChannels == 1 ? 6 : 2;
constexpr int kPartsAtOnce = 2;
constexpr int kTileChannels = 8192;
constexpr int kSharedBytes = 40 << 10;

/// The sum where one of its terms, or itself, is not finite: in fp64, which has room for every product.
__device__ __noinline__ float plain_sum(MergeTile tile, int32_t i, int32_t channel) {
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
__device__ void store_row(const MergeTile& tile, DType dtype, int32_t i, int32_t channel,
                          const WeightedSum (&sums)[kChannels]) {
  float values[kChannels];
  if (tile.kind[i] == RowKind::single) {
#pragma unroll
    for (int c = 0; c < kChannels; ++c) values[c] = sums[c].high;
    return store_channels<kChannels>(tile.target[i], dtype, channel, values);
  }
#pragma unroll
  for (int c = 0; c < kChannels; ++c) {
    values[c] = sums[c].value();
    if (!isfinite(values[c])) values[c] = plain_sum(tile, i, channel + c);
  }
  store_channels<kChannels>(tile.target[i], dtype, channel, values);
}

/// Adds kPartsAtOnce entries from e on to the sums of so many places of the tile; a row below 0 is none. kWide: all
/// parts are fp32.
template <int kChannels, bool kWide>
__device__ void add_entries(const MergeTile& tile, int32_t e, const int32_t (&rows)[kAtOnce<kChannels>],
                            const int32_t (&units)[kAtOnce<kChannels>],
                            WeightedSum (&sums)[kAtOnce<kChannels>][kChannels]) {
  SplitWeight weights[kPartsAtOnce][kAtOnce<kChannels>];
  DType dtypes[kPartsAtOnce][kAtOnce<kChannels>];
  RawChannels<kChannels> raw[kPartsAtOnce][kAtOnce<kChannels>];
#pragma unroll
  for (int j = 0; j < kPartsAtOnce; ++j) {
#pragma unroll
    for (int k = 0; k < kAtOnce<kChannels>; ++k) {
      const int32_t cell = (e + j) * tile.stride + rows[k];
      weights[j][k] = rows[k] < 0 || e + j >= tile.entries ? SplitWeight{} : tile.weight[cell].split;
      // Not only faster: what nobody may read, and an infinite O that another part outweighs, must stay out.
      if (weights[j][k].high == 0.0f) continue;
      dtypes[j][k] = kWide ? DType::fp32 : static_cast<DType>(tile.dtype[cell]);
      raw[j][k] = load_raw<kChannels>(tile.source[cell], dtypes[j][k], units[k] * kChannels);
    }
  }
#pragma unroll
  for (int j = 0; j < kPartsAtOnce; ++j) {
#pragma unroll
    for (int k = 0; k < kAtOnce<kChannels>; ++k) {
      if (weights[j][k].high == 0.0f) continue;
#pragma unroll
      for (int c = 0; c < kChannels; ++c) {
        const float value = value_of(raw[j][k], kWide ? DType::fp32 : dtypes[j][k], c);
        if (tile.kind[rows[k]] == RowKind::single) {
          sums[k][c].high = value;  // no sum: arithmetic would lose the bits of a NaN and the sign of a zero
        } else {
          sums[k][c].add(weights[j][k], value, [](float x, float y, float z) { return fmaf(x, y, z); });
        }
      }
    }
  }
}

template <int kChannels, bool kWide>
__device__ void combine(const MergeTile& tile, DType dtype, int32_t rows_in_tile, int32_t dim) {
  TileWalk walk(static_cast<int32_t>(threadIdx.x), kTileThreads, dim / kChannels);
  while (walk.row < rows_in_tile) {
    int32_t rows[kAtOnce<kChannels>];
    int32_t units[kAtOnce<kChannels>];
    WeightedSum sums[kAtOnce<kChannels>][kChannels];
#pragma unroll
    for (int k = 0; k < kAtOnce<kChannels>; ++k) {
      rows[k] = walk.row < rows_in_tile ? walk.row : -1;
      units[k] = walk.unit;
      walk.next();
    }
    for (int32_t e = 0; e < tile.entries; e += kPartsAtOnce) add_entries<kChannels, kWide>(tile, e, rows, units, sums);
#pragma unroll
    for (int k = 0; k < kAtOnce<kChannels>; ++k) {
      if (rows[k] >= 0) store_row<kChannels>(tile, dtype, rows[k], units[k] * kChannels, sums[k]);
    }
  }
}

/// How a tile can be gone through.
enum TileKind { kScalar, kWideScalar, kVector, kWideVector };

/// Fills the tile's shared memory and writes its LSEs.
__device__ TileKind begin_tile(const MergeLaunch& merge, MergeTile& tile, int64_t first_row, int64_t head,
                               int32_t rows) {
  const auto thread = static_cast<int32_t>(threadIdx.x);
  bool aligned = merge.dim % 4 == 0;
  bool wide = true;
  for (int32_t cell = thread; cell < tile.stride * tile.entries; cell += kTileThreads) {
    if (cell % tile.stride >= rows) continue;
    const MergeRun* run = nullptr;
    const int64_t row = target_row(merge, first_row + cell % tile.stride, &run);
    const PartRow part = find_part(merge, *run, cell / tile.stride, row, head);
    tile.source[cell] = part.o;
    tile.dtype[cell] = static_cast<uint8_t>(part.dtype);
    tile.weight[cell].lse = part.lse;
    aligned &= is_aligned<4>(part.o, part.dtype);
    wide &= part.o == nullptr || is_wide(part.dtype);
  }
  for (int32_t i = thread; i < rows; i += kTileThreads) {
    const MergeRun* run = nullptr;
    const int64_t row = target_row(merge, first_row + i, &run);
    tile.target[i] = target_o(merge, row, head);
    aligned &= is_aligned<4>(tile.target[i], merge.target.dtype);
  }
  aligned = __syncthreads_and(aligned) != 0;
  wide = __syncthreads_and(wide) != 0;
  for (int32_t i = thread; i < rows; i += kTileThreads) {
    const double lse = weigh(tile, i);
    const MergeRun* run = nullptr;
    const int64_t row = target_row(merge, first_row + i, &run);
    store_lse(merge, row, head, lse);
  }
  __syncthreads();
  if (!aligned) return wide ? kWideScalar : kScalar;
  return wide ? kWideVector : kVector;
}

__global__ void __launch_bounds__(kTileThreads, 3) merge_rows_kernel(const MergeLaunch merge) {
  extern __shared__ __align__(16) std::byte shared[];
  MergeTile tile(shared, merge);
  const int64_t head_tiles = (merge.rows + merge.tile_rows - 1) / merge.tile_rows;
  for (int64_t number = blockIdx.x; number < head_tiles * merge.heads; number += gridDim.x) {
    const int64_t head = number / head_tiles;
    const int64_t first_row = (number - head * head_tiles) * merge.tile_rows;
    const auto rows = static_cast<int32_t>(min(static_cast<int64_t>(merge.tile_rows), merge.rows - first_row));
    switch (begin_tile(merge, tile, first_row, head, rows)) {
      case kScalar: combine<1, false>(tile, merge.target.dtype, rows, merge.dim); break;
      case kWideScalar: combine<1, true>(tile, merge.target.dtype, rows, merge.dim); break;
      case kVector: combine<4, false>(tile, merge.target.dtype, rows, merge.dim); break;
      case kWideVector: combine<4, true>(tile, merge.target.dtype, rows, merge.dim); break;
    }
    __syncthreads();
  }
}

}  // namespace

int32_t merge_tile_rows(const MergeLaunch& merge, int multiprocessors) {
  const int32_t row_bytes = merge.most_entries * MergeTile::kCellBytes + MergeTile::kRowBytes;
  const int64_t most = std::min<int64_t>(kSharedBytes / row_bytes, kTileChannels / std::max(merge.dim, 1));
  // Small merges: four blocks a multiprocessor before blocks get more rows.
  const int64_t spread = merge.rows * merge.heads / (int64_t{4} * multiprocessors);
  return static_cast<int32_t>(std::clamp<int64_t>(std::min(most, spread), 1, kTileThreads));
}

void launch_merge(const MergeLaunch& merge, cudaStream_t stream) {
  if (merge.most_entries <= 1) return launch_convert(merge, stream);
  const int32_t row_bytes = merge.most_entries * MergeTile::kCellBytes + MergeTile::kRowBytes;
  launch_tiles(merge_rows_kernel, merge, tiles_of(merge.rows, merge.tile_rows) * merge.heads,
               static_cast<size_t>(row_bytes) * static_cast<size_t>(merge.tile_rows), stream);
}

}  // namespace ringfold
