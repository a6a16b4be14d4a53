// Rows of generated inputs: a block takes a tile of rows of one head, makes what the elements of each row have in
// common, and then all elements, by the formulas that the host uses.
#include "kernels/cuda_tiles.cuh"
#include "kernels/generate_launch.h"
#include "kernels/row_runs.h"
#include "lib/input_row.h"

namespace ringfold {

namespace {

constexpr int kMostTileRows = 64;
constexpr int kTileChannels = 8192;

struct TileRow {
  InputRow row;
  std::byte* to;
};

__device__ void begin_row(const GenerateLaunch& generate, int64_t row, int64_t head, TileRow& made) {
  const InputRun& run = generate.runs[find_run(generate.runs, generate.run_count, row)];
  const int64_t index = row - run.first;
  const int64_t global_head = generate.first_head + head;
  made.row = input_row(generate.recipe, generate.mask,
                       {generate.tensor, run.sequence, run.length, run.cached, run.begin + index, global_head,
                        global_head / generate.group});
  const int64_t element = head * generate.head_stride + (run.row + index) * generate.row_stride;
  made.to = generate.to + element * (is_wide(generate.dtype) ? 4 : 2);
}

template <int kChannels>
__device__ void fill_rows(const GenerateLaunch& generate, const TileRow* tile, int32_t rows) {
  const auto width = static_cast<int32_t>(generate.recipe.dim) / kChannels;
  for (TileWalk walk(static_cast<int32_t>(threadIdx.x), kTileThreads, width); walk.row < rows; walk.next()) {
    const TileRow& row = tile[walk.row];
    const int32_t channel = walk.unit * kChannels;
    float values[kChannels];
    for (int c = 0; c < kChannels; ++c) {
      values[c] = round_to(generate.rounded, input_element(generate.recipe, row.row, channel + c));
    }
    store_channels<kChannels>(row.to, generate.dtype, channel, values);
  }
}

__global__ void __launch_bounds__(kTileThreads) generate_kernel(const GenerateLaunch generate) {
  // Raw, because what lies in shared memory cannot be initialised.
  __shared__ __align__(16) std::byte shared[sizeof(TileRow) * kMostTileRows];
  auto* tile = reinterpret_cast<TileRow*>(shared);
  const int64_t head_tiles = (generate.rows + generate.tile_rows - 1) / generate.tile_rows;
  for (int64_t number = blockIdx.x; number < head_tiles * generate.heads; number += gridDim.x) {
    const int64_t head = number / head_tiles;
    const int64_t first_row = (number - head * head_tiles) * generate.tile_rows;
    const auto rows = static_cast<int32_t>(min(static_cast<int64_t>(generate.tile_rows), generate.rows - first_row));
    bool aligned = generate.recipe.dim % 4 == 0;
    for (auto i = static_cast<int32_t>(threadIdx.x); i < rows; i += kTileThreads) {
      begin_row(generate, first_row + i, head, tile[i]);
      aligned &= is_aligned<4>(tile[i].to, generate.dtype);
    }
    if (__syncthreads_and(aligned)) {
      fill_rows<4>(generate, tile, rows);
    } else {
      fill_rows<1>(generate, tile, rows);
    }
    __syncthreads();
  }
}

}  // namespace

void launch_generate(const GenerateLaunch& generate, cudaStream_t stream) {
  GenerateLaunch launch = generate;
  const int64_t rows = kTileChannels / std::max<int64_t>(generate.recipe.dim, 1);
  launch.tile_rows = static_cast<int32_t>(std::clamp<int64_t>(rows, 1, kMostTileRows));
  launch_tiles(generate_kernel, launch, tiles_of(launch.rows, launch.tile_rows) * launch.heads, 0, stream);
}

}  // namespace ringfold
