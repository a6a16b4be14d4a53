#include "kernels/panel_products.h"

#include <algorithm>

namespace ringfold {

void PanelProducts::begin(const AttendTask& task, int64_t kv_head, std::span<const QueryTile>) {
  task_ = &task;
  kv_head_ = kv_head;
}

void PanelProducts::load(const KeyTiles& tiles, const KeyTile& tile) {
  panel_.load(*ops_, *task_, kv_head_, tiles, tile);
}

void PanelProducts::scores(const QueryTile& queries, int first, int keys, float* scores) {
  Shapes* shapes = nullptr;
  const size_t index = find(queries.lanes, round_up(keys, kLanes), shapes);
  shapes->scores[index](queries.q, panel_.k() + first * panel_.k_stride(), scores);
}

void PanelProducts::outputs(const QueryTile& queries, int first, int keys, float* weights, float* part) {
  const int padded = round_up(keys, kLanes);
  std::fill(weights + keys * queries.lanes, weights + padded * queries.lanes, 0.0f);
  Shapes* shapes = nullptr;
  const size_t index = find(queries.lanes, padded, shapes);
  shapes->outputs[index](weights, panel_.v() + first, part);
}

size_t PanelProducts::find(int lanes, int keys, Shapes*& shapes) {
  shapes = nullptr;
  for (const auto& known : shapes_) {
    if (known->dim == task_->dim && known->k_stride == panel_.k_stride()) shapes = known.get();
  }
  if (!shapes) {
    shapes = shapes_.emplace_back(std::make_unique<Shapes>()).get();
    shapes->dim = task_->dim;
    shapes->k_stride = panel_.k_stride();
  }
  const auto index = static_cast<size_t>((lanes / kLanes - 1) * (kTileKeys / kLanes) + keys / kLanes - 1);
  if (!shapes->made[index]) {
    const int dim = static_cast<int>(task_->dim);
    const int k_stride = static_cast<int>(panel_.k_stride());
    shapes->scores[index] = TileProduct({lanes, keys, dim, lanes, k_stride, lanes});
    shapes->outputs[index] = TileProduct({lanes, dim, keys, lanes, kValueStride, lanes});
    shapes->made[index] = true;
  }
  return index;
}

}  // namespace ringfold
