#include "kernels/tile_projector.h"

#include "kernels/round_up.h"
#include "kernels/rows.h"
#include "lib/dtype.h"

#include <algorithm>

namespace ringfold {

namespace {

constexpr int64_t kTokens = 128;
constexpr int64_t kChannels = 256;
constexpr int64_t kStep = 16;  // numbers of rows are filled up to multiples, so that there are few shapes

}  // namespace

std::vector<ProjectedTile> tiles_of(const ProjectTask& task) {
  std::vector<ProjectedTile> tiles;
  for (int64_t head = task.to.heads.begin; head < task.to.heads.end; ++head) {
    for_common_rows(task.x.segments, task.to.segments, [&](const CommonRows& run) {
      for (int64_t first = 0; first < run.tokens.size(); first += kTokens) {
        tiles.push_back({head, run.a_row + first, run.b_row + first, std::min(kTokens, run.tokens.size() - first)});
      }
    });
  }
  return tiles;
}

TileProjector::TileProjector(const ProjectTask& task)
    : task_(task),
      x_(static_cast<size_t>(kTokens * kChannels)),
      w_(static_cast<size_t>(kChannels * task.dim)),
      part_(static_cast<size_t>(kTokens * task.dim)),
      sum_(part_.size()) {}

/// Columns are rows of tokens: [dim, tokens] = [dim, channels] [channels, tokens], as they stand in memory.
const TileProduct& TileProjector::product(int rows, int channels) {
  const int dim = static_cast<int>(task_.dim);
  const ProductShape shape{dim, rows, channels, dim, channels, dim};
  const auto found = products_.find(shape);
  return found != products_.end() ? found->second : products_.emplace(shape, TileProduct(shape)).first->second;
}

void TileProjector::project(const ProjectedTile& tile) {
  const int64_t dim = task_.dim;
  const int64_t padded = round_up(tile.rows, kStep);
  const int64_t element = bytes_of(task_.x.dtype);
  const int64_t first_weight = task_.w.segments.front().row;
  std::fill_n(sum_.begin(), padded * dim, 0.0f);
  for (int64_t channel = 0; channel < task_.hidden; channel += kChannels) {
    const int64_t channels = std::min(kChannels, task_.hidden - channel);
    for (int64_t i = 0; i < channels; ++i) {
      load_floats(task_.w.dtype, row_of(task_.w, tile.head, first_weight + channel + i), dim, w_.data() + i * dim);
    }
    for (int64_t i = 0; i < tile.rows; ++i) {
      const std::byte* row = row_of(task_.x, task_.x.heads.begin, tile.x_row + i);
      load_floats(task_.x.dtype, row + channel * element, channels, x_.data() + i * channels);
    }
    std::fill(x_.begin() + tile.rows * channels, x_.begin() + padded * channels, 0.0f);
    product(static_cast<int>(padded), static_cast<int>(channels))(w_.data(), x_.data(), part_.data());
    for (int64_t i = 0; i < tile.rows * dim; ++i) sum_[static_cast<size_t>(i)] += part_[static_cast<size_t>(i)];
  }
  for (int64_t i = 0; i < tile.rows; ++i) {
    store_floats(task_.to.dtype, sum_.data() + i * dim, dim, row_of(task_.to, tile.head, tile.to_row + i));
  }
}

}  // namespace ringfold
