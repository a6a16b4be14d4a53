// Copies of rows at any distances: a block takes a tile of rows of one head, finds where each row stands, and moves
// them in units as large as every address allows.
#include "kernels/cuda_launch.h"
#include "kernels/cuda_tiles.cuh"
#include "kernels/row_runs.h"

namespace ringfold {

namespace {

constexpr int kMostTileRows = 512;
constexpr int kTileUnits = 2048;

struct TileRow {
  const std::byte* from;
  std::byte* to;
  int32_t units;
};

template <typename Unit>
__device__ void find_row(const CopyLaunch& copy, int64_t row, int64_t head, TileRow& found) {
  const CopyRun& run = copy.runs[find_run(copy.runs, copy.run_count, row)];
  const int64_t index = row - run.first;
  found.from = copy.from + head * copy.from_head_stride + run.from + index * copy.from_stride;
  found.to = copy.to + head * copy.to_head_stride + run.to + index * copy.to_stride;
  const int64_t bytes = index == run.rows - 1 ? run.last_bytes : copy.row_bytes;
  found.units = static_cast<int32_t>(bytes / static_cast<int64_t>(sizeof(Unit)));
}

template <typename Unit, int kAtOnce>
__device__ void move_rows(const TileRow* tile, int32_t rows, int32_t width) {
  TileWalk walk(static_cast<int32_t>(threadIdx.x), kTileThreads, width);
  while (walk.row < rows) {
    Unit units[kAtOnce];
    Unit* to[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      to[k] = nullptr;
      if (walk.row < rows && walk.unit < tile[walk.row].units) {
        const TileRow& row = tile[walk.row];
        units[k] = reinterpret_cast<const Unit*>(row.from)[walk.unit];
        to[k] = reinterpret_cast<Unit*>(row.to) + walk.unit;
      }
      walk.next();
    }
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if (to[k] != nullptr) *to[k] = units[k];
    }
  }
}

template <typename Unit>
int64_t tile_rows_of(int64_t row_bytes) {
  const int64_t width = row_bytes / static_cast<int64_t>(sizeof(Unit));
  return std::clamp<int64_t>(kTileUnits / std::max<int64_t>(width, 1), 1, kMostTileRows);
}

template <typename Unit, int kAtOnce>
__global__ void __launch_bounds__(kTileThreads) copy_rows_kernel(const CopyLaunch copy) {
  __shared__ TileRow tile[kMostTileRows];
  const auto width = static_cast<int32_t>(copy.row_bytes / static_cast<int64_t>(sizeof(Unit)));
  const int64_t tile_rows = copy.tile_rows;
  const int64_t head_tiles = (copy.rows + tile_rows - 1) / tile_rows;
  for (int64_t number = blockIdx.x; number < head_tiles * copy.heads; number += gridDim.x) {
    const int64_t head = number / head_tiles;
    const int64_t first_row = (number - head * head_tiles) * tile_rows;
    const auto rows = static_cast<int32_t>(min(tile_rows, copy.rows - first_row));
    for (auto i = static_cast<int32_t>(threadIdx.x); i < rows; i += kTileThreads) {
      find_row<Unit>(copy, first_row + i, head, tile[i]);
    }
    __syncthreads();
    move_rows<Unit, kAtOnce>(tile, rows, width);
    __syncthreads();
  }
}

template <typename Unit, int kAtOnce>
void launch_units(CopyLaunch copy, cudaStream_t stream) {
  copy.tile_rows = tile_rows_of<Unit>(copy.row_bytes);
  launch_tiles(copy_rows_kernel<Unit, kAtOnce>, copy, tiles_of(copy.rows, copy.tile_rows) * copy.heads, 0, stream);
}

}  // namespace

void launch_copy(const CopyLaunch& copy, cudaStream_t stream) {
  switch (copy.unit) {
    case 16: return launch_units<uint4, 4>(copy, stream);
    case 8: return launch_units<uint2, 8>(copy, stream);
    case 4: return launch_units<uint32_t, 8>(copy, stream);
    default: return launch_units<uint16_t, 8>(copy, stream);
  }
}

}  // namespace ringfold
