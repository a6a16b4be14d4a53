// Merges of at most one part a row, which are finishes, changes of dtype and fills: nothing is weighed, so that it is
// done as a copy is. A block takes a tile of rows of one head, finds where each stands, and writes its LSE.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_tiles.cuh"
#include "kernels/merge_tile.cuh"

namespace ringfold {

namespace {

/// Places whose loads a thread has under way together.
constexpr int kPlaces = 4;

struct ConvertRow {
  const std::byte* from;  ///< null: the row is empty
  std::byte* to;
  DType dtype;
};

/// Fills in a row of the tile and writes its LSE.
__device__ ConvertRow find_row(const MergeLaunch& merge, int64_t number, int64_t head) {
  const MergeRun* run = nullptr;
  const int64_t row = target_row(merge, number, &run);
  const PartRow part = find_part(merge, *run, 0, row, head);
  store_lse(merge, row, head, part.lse);
  const bool is_empty = !merge.verbatim && part.lse == -infinity();
  return {is_empty ? nullptr : part.o, target_o(merge, row, head), part.dtype};
}

/// kWide: all parts are fp32.
template <int kChannels, bool kWide>
__device__ void convert_rows(const ConvertRow* tile, int32_t rows, DType dtype, int32_t dim) {
  TileWalk walk(static_cast<int32_t>(threadIdx.x), kTileThreads, dim / kChannels);
  while (walk.row < rows) {
    RawChannels<kChannels> raw[kPlaces];
    int32_t places[kPlaces];
    int32_t channels[kPlaces];
#pragma unroll
    for (int k = 0; k < kPlaces; ++k) {
      places[k] = walk.row < rows ? walk.row : -1;
      channels[k] = walk.unit * kChannels;
      raw[k] = {};
      if (places[k] >= 0 && tile[places[k]].from != nullptr) {
        const ConvertRow& row = tile[places[k]];
        raw[k] = load_raw<kChannels>(row.from, kWide ? DType::fp32 : row.dtype, channels[k]);
      }
      walk.next();
    }
#pragma unroll
    for (int k = 0; k < kPlaces; ++k) {
      if (places[k] < 0) continue;
      const ConvertRow& row = tile[places[k]];
      float values[kChannels];
#pragma unroll
      for (int c = 0; c < kChannels; ++c) values[c] = value_of(raw[k], kWide ? DType::fp32 : row.dtype, c);
      store_channels<kChannels>(row.to, dtype, channels[k], values);
    }
  }
}

__global__ void __launch_bounds__(kTileThreads) convert_rows_kernel(const MergeLaunch merge) {
  __shared__ ConvertRow tile[kTileThreads];
  const DType dtype = merge.target.dtype;
  const int64_t head_tiles = (merge.rows + merge.tile_rows - 1) / merge.tile_rows;
  for (int64_t number = blockIdx.x; number < head_tiles * merge.heads; number += gridDim.x) {
    const int64_t head = number / head_tiles;
    const int64_t first_row = (number - head * head_tiles) * merge.tile_rows;
    const auto rows = static_cast<int32_t>(min(static_cast<int64_t>(merge.tile_rows), merge.rows - first_row));
    const auto i = static_cast<int32_t>(threadIdx.x);
    bool aligned = merge.dim % 4 == 0;
    bool wide = true;
    if (i < rows) {
      tile[i] = find_row(merge, first_row + i, head);
      aligned &= is_aligned<4>(tile[i].from, tile[i].dtype) && is_aligned<4>(tile[i].to, dtype);
      wide = tile[i].from == nullptr || is_wide(tile[i].dtype);
    }
    aligned = __syncthreads_and(aligned) != 0;
    wide = __syncthreads_and(wide) != 0;
    if (aligned) {
      wide ? convert_rows<4, true>(tile, rows, dtype, merge.dim) : convert_rows<4, false>(tile, rows, dtype, merge.dim);
    } else {
      wide ? convert_rows<1, true>(tile, rows, dtype, merge.dim) : convert_rows<1, false>(tile, rows, dtype, merge.dim);
    }
    __syncthreads();
  }
}

}  // namespace

void launch_convert(const MergeLaunch& merge, cudaStream_t stream) {
  launch_tiles(convert_rows_kernel, merge, tiles_of(merge.rows, merge.tile_rows) * merge.heads, 0, stream);
}

}  // namespace ringfold
