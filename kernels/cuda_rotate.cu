// Rotary embedding, as lib/rotary.h defines every bit of it: a block takes a tile of rows of a few heads, a thread
// pairs of channels of one row, whose cosines and sines serve all of those heads.
#include "kernels/cuda_tiles.cuh"
#include "kernels/rotate_launch.h"
#include "kernels/row_runs.h"

namespace ringfold {

namespace {

/// Heads whose loads are under way together.
constexpr int kHeads = 4;

/// Channels of a unit of kPairs pairs: two groups of kPairs, a and b.
template <int kPairs>
struct Places {
  int32_t a;
  int32_t b;
  __device__ Places(const RotateLaunch& rotate, int32_t pair)
      : a(rotate.style == RopeStyle::half ? pair : 2 * pair),
        b(rotate.style == RopeStyle::half ? pair + rotate.pairs : 2 * pair + kPairs) {}
};

/// Products of fp32 numbers are exact in fp64: one rounding to fp64, one to fp32; storing rounds to the dtype.
template <int kPairs>
__device__ void turn(const RotateLaunch& rotate, const RawChannels<kPairs>& raw_a, const RawChannels<kPairs>& raw_b,
                     const double (&cosines)[kPairs], const double (&sines)[kPairs], float (&a)[kPairs],
                     float (&b)[kPairs]) {
  float all[2 * kPairs];
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    all[i] = value_of(raw_a, rotate.dtype, i);
    all[kPairs + i] = value_of(raw_b, rotate.dtype, i);
  }
  const bool is_half = rotate.style == RopeStyle::half;
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    const double x = is_half ? all[i] : all[2 * i];
    const double y = is_half ? all[kPairs + i] : all[2 * i + 1];
    const auto first = static_cast<float>(x * cosines[i] - y * sines[i]);
    const auto second = static_cast<float>(x * sines[i] + y * cosines[i]);
    if (is_half) {
      a[i] = first;
      b[i] = second;
    } else {
      (2 * i < kPairs ? a[2 * i % kPairs] : b[2 * i % kPairs]) = first;
      (2 * i + 1 < kPairs ? a[(2 * i + 1) % kPairs] : b[(2 * i + 1) % kPairs]) = second;
    }
  }
}

template <int kPairs>
__device__ void turn_unit(const RotateLaunch& rotate, int64_t row, int32_t pair, int64_t first_head) {
  const RotateRun& run = rotate.runs[find_run(rotate.runs, rotate.run_count, row)];
  const int64_t bytes = is_wide(rotate.dtype) ? 4 : 2;
  const int64_t index = row - run.first;
  const std::byte* from =
      rotate.from + (first_head * rotate.from_head + (run.from_row + index) * rotate.from_row) * bytes;
  std::byte* to = rotate.to + (first_head * rotate.to_head + (run.to_row + index) * rotate.to_row) * bytes;
  const Places<kPairs> places(rotate, pair);
  RawChannels<kPairs> a[kHeads];
  RawChannels<kPairs> b[kHeads];
#pragma unroll
  for (int head = 0; head < kHeads; ++head) {
    if (first_head + head >= rotate.heads) continue;
    a[head] = load_raw<kPairs>(from + head * rotate.from_head * bytes, rotate.dtype, places.a);
    b[head] = load_raw<kPairs>(from + head * rotate.from_head * bytes, rotate.dtype, places.b);
  }
  double cosines[kPairs];
  double sines[kPairs];
#pragma unroll
  for (int i = 0; i < kPairs; ++i) {
    cosines[i] = rotate.cosines[row * rotate.pairs + pair + i];
    sines[i] = rotate.sines[row * rotate.pairs + pair + i];
  }
#pragma unroll
  for (int head = 0; head < kHeads; ++head) {
    if (first_head + head >= rotate.heads) continue;
    float turned_a[kPairs];
    float turned_b[kPairs];
    turn<kPairs>(rotate, a[head], b[head], cosines, sines, turned_a, turned_b);
    store_channels<kPairs>(to + head * rotate.to_head * bytes, rotate.dtype, places.a, turned_a);
    store_channels<kPairs>(to + head * rotate.to_head * bytes, rotate.dtype, places.b, turned_b);
  }
}

template <int kPairs>
__global__ void __launch_bounds__(kTileThreads) rotate_kernel(const RotateLaunch rotate) {
  const int64_t head_groups = (rotate.heads + kHeads - 1) / kHeads;
  const int64_t row_tiles = (rotate.rows + rotate.tile_rows - 1) / rotate.tile_rows;
  for (int64_t number = blockIdx.x; number < row_tiles * head_groups; number += gridDim.x) {
    // Neighbours take the same rows: their angles come from the cache.
    const int64_t first_row = number / head_groups * rotate.tile_rows;
    const int64_t first_head = number % head_groups * kHeads;
    const auto rows = static_cast<int32_t>(min(static_cast<int64_t>(rotate.tile_rows), rotate.rows - first_row));
    for (TileWalk walk(static_cast<int32_t>(threadIdx.x), kTileThreads, rotate.pairs / kPairs); walk.row < rows;
         walk.next()) {
      turn_unit<kPairs>(rotate, first_row + walk.row, walk.unit * kPairs, first_head);
    }
  }
}

template <int kPairs>
void launch_units(RotateLaunch rotate, cudaStream_t stream) {
  rotate.tile_rows = std::max(1, kTileThreads / std::max(1, rotate.pairs / kPairs));
  const int64_t head_groups = (rotate.heads + kHeads - 1) / kHeads;
  launch_tiles(rotate_kernel<kPairs>, rotate, tiles_of(rotate.rows, rotate.tile_rows) * head_groups, 0, stream);
}

}  // namespace

void launch_rotate(const RotateLaunch& rotate, cudaStream_t stream) {
  if (rotate.pairs == 0) return;
  if (rotate.is_aligned) return launch_units<4>(rotate, stream);
  launch_units<1>(rotate, stream);
}

}  // namespace ringfold
