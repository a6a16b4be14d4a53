// Merges, finishes and fills: a block takes a tile of rows of one head. First it finds each row's parts, weighs them in
// fp64 and writes the row's LSE; then all threads go through the tile's channels.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_tiles.cuh"
#include "kernels/merge_tile.cuh"
#include "kernels/weighted_sum.h"

namespace ringfold {

namespace {

/// Places of a tile that a thread sums at once, and parts of them whose loads are under way together: a multiprocessor
/// must have some 40 KiB under way, and what is made of many parts must not wait for each. Two kernels: one would need
/// the registers of both.
struct FewParts {
  static constexpr int kAtOnce = 2;
  static constexpr int kPartsAtOnce = 2;
  static constexpr int kBlocks = 3;
};
struct ManyParts {
  static constexpr int kAtOnce = 1;
  static constexpr int kPartsAtOnce = 8;
  static constexpr int kBlocks = 2;
};
constexpr int kMany = 9;
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

template <bool kAllSums, int kChannels>
__device__ void store_row(const MergeTile& tile, DType dtype, int32_t i, int32_t channel,
                          const WeightedSum (&sums)[kChannels]) {
  const bool is_single = !kAllSums && tile.kind[i] == RowKind::single;
  float values[kChannels];
  bool is_finite = true;
#pragma unroll
  for (int c = 0; c < kChannels; ++c) {
    values[c] = is_single ? sums[c].high : sums[c].value();
    is_finite &= isfinite(values[c]) != 0;
  }
  if (!is_finite && !is_single) {
#pragma unroll
    for (int c = 0; c < kChannels; ++c) {
      if (!isfinite(values[c])) values[c] = plain_sum(tile, i, channel + c);
    }
  }
  store_channels<kChannels>(tile.target[i], dtype, channel, values);
}

/// How a tile can be gone through.
template <int kChannelsAtOnce, bool kAllWide, bool kSums>
struct Way {
  static constexpr int kChannels = kChannelsAtOnce;
  static constexpr bool kWide = kAllWide;  ///< all parts are fp32
  static constexpr bool kAllSums = kSums;  ///< no row is the copy of a part
};

/// Adds some entries from e on to the sums of so many places of the tile; a row below 0 is none. kFirst: e is 0.
template <typename Amount, typename Way, bool kFirst>
__device__ void add_entries(const MergeTile& tile, int32_t e, const int32_t (&rows)[Amount::kAtOnce],
                            const int32_t (&units)[Amount::kAtOnce],
                            WeightedSum (&sums)[Amount::kAtOnce][Way::kChannels]) {
  constexpr int kChannels = Way::kChannels;
  constexpr int kAtOnce = Amount::kAtOnce;
  constexpr int kPartsAtOnce = Amount::kPartsAtOnce;
  SplitWeight weights[kPartsAtOnce][kAtOnce];
  DType dtypes[kPartsAtOnce][kAtOnce];
  RawChannels<kChannels> raw[kPartsAtOnce][kAtOnce];
#pragma unroll
  for (int j = 0; j < kPartsAtOnce; ++j) {
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const int32_t cell = (e + j) * tile.stride + rows[k];
      weights[j][k] = rows[k] < 0 || e + j >= tile.entries ? SplitWeight{} : tile.weight[cell].split;
      // Not only faster: what nobody may read, and an infinite O that another part outweighs, must stay out.
      if (weights[j][k].high == 0.0f) continue;
      dtypes[j][k] = Way::kWide ? DType::fp32 : static_cast<DType>(tile.dtype[cell]);
      raw[j][k] = load_raw<kChannels>(tile.source[cell], dtypes[j][k], units[k] * kChannels);
    }
  }
#pragma unroll
  for (int j = 0; j < kPartsAtOnce; ++j) {
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if (weights[j][k].high == 0.0f) continue;
      const bool is_single = !Way::kAllSums && tile.kind[rows[k]] == RowKind::single;
#pragma unroll
      for (int c = 0; c < kChannels; ++c) {
        const float value = value_of(raw[j][k], Way::kWide ? DType::fp32 : dtypes[j][k], c);
        if (is_single) {
          sums[k][c].high = value;  // no sum: arithmetic would lose the bits of a NaN and the sign of a zero
        } else {
          const auto fma = [](float x, float y, float z) { return fmaf(x, y, z); };
          kFirst&& j == 0 ? sums[k][c].begin(weights[j][k], value, fma) : sums[k][c].add(weights[j][k], value, fma);
        }
      }
    }
  }
}

template <typename Amount, typename Way>
__device__ void combine(const MergeTile& tile, DType dtype, int32_t rows_in_tile, int32_t dim) {
  constexpr int kAtOnce = Amount::kAtOnce;
  constexpr int kChannels = Way::kChannels;
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
    add_entries<Amount, Way, true>(tile, 0, rows, units, sums);
    for (int32_t e = Amount::kPartsAtOnce; e < tile.entries; e += Amount::kPartsAtOnce) {
      add_entries<Amount, Way, false>(tile, e, rows, units, sums);
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if (rows[k] >= 0) store_row<Way::kAllSums>(tile, dtype, rows[k], units[k] * kChannels, sums[k]);
    }
  }
}

/// Threads that weigh the parts of a row.
__device__ inline int32_t weighing_lanes(int32_t entries) { return entries < kMany ? 1 : entries < 64 ? 8 : 32; }

enum TileKind { kScalar, kVector, kWideVector, kWideSums };

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
  bool all_sums = true;
  const int32_t lanes = weighing_lanes(tile.entries);
  for (int32_t first = 0; first < rows; first += kTileThreads / lanes) {
    const int32_t i = first + thread / lanes;
    const double lse = weigh(tile, i < rows ? i : -1, thread % lanes, lanes);
    if (i >= rows || thread % lanes != 0) continue;
    all_sums &= tile.kind[i] == RowKind::sum;
    const MergeRun* run = nullptr;
    const int64_t row = target_row(merge, first_row + i, &run);
    store_lse(merge, row, head, lse);
  }
  all_sums = __syncthreads_and(all_sums) != 0;
  return !aligned ? kScalar : !wide ? kVector : all_sums ? kWideSums : kWideVector;
}

template <typename Amount>
__global__ void __launch_bounds__(kTileThreads, Amount::kBlocks) merge_rows_kernel(const MergeLaunch merge) {
  extern __shared__ __align__(16) std::byte shared[];
  MergeTile tile(shared, merge);
  const int64_t head_tiles = (merge.rows + merge.tile_rows - 1) / merge.tile_rows;
  for (int64_t number = blockIdx.x; number < head_tiles * merge.heads; number += gridDim.x) {
    const int64_t head = number / head_tiles;
    const int64_t first_row = (number - head * head_tiles) * merge.tile_rows;
    const auto rows = static_cast<int32_t>(min(static_cast<int64_t>(merge.tile_rows), merge.rows - first_row));
    switch (begin_tile(merge, tile, first_row, head, rows)) {
      case kScalar: combine<Amount, Way<1, false, false>>(tile, merge.target.dtype, rows, merge.dim); break;
      case kVector: combine<Amount, Way<4, false, false>>(tile, merge.target.dtype, rows, merge.dim); break;
      case kWideVector: combine<Amount, Way<4, true, false>>(tile, merge.target.dtype, rows, merge.dim); break;
      case kWideSums: combine<Amount, Way<4, true, true>>(tile, merge.target.dtype, rows, merge.dim); break;
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
  launch_tiles(merge.most_entries < kMany ? merge_rows_kernel<FewParts> : merge_rows_kernel<ManyParts>, merge,
               tiles_of(merge.rows, merge.tile_rows) * merge.heads,
               static_cast<size_t>(row_bytes) * static_cast<size_t>(merge.tile_rows), stream);
}

}  // namespace ringfold
