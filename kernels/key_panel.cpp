#include "kernels/key_panel.h"

#include "kernels/convert_rows.h"

namespace ringfold {

namespace {

// The tile's first row where all its keys stand in consecutive fp32 rows of one piece; else null.
const float* direct_rows(const KeyTiles& tiles, const KeyTile& tile, int64_t kv_head, Tensor KvPiece::* plane) {
  const KeyStretch& first = tiles.runs[tile.run];
  if ((first.piece->*plane).dtype != DType::fp32) return nullptr;
  bool consecutive = true;
  tiles.for_parts(tile, [&](const KeyStretch& part, int index) {
    consecutive &= part.piece == first.piece && part.row == first.row + tile.skipped + index;
  });
  return consecutive ? float_row(first.piece->*plane, kv_head, first.row + tile.skipped) : nullptr;
}

}  // namespace

void KeyPanel::load(const VectorOps& ops, const AttendTask& task, int64_t kv_head, const KeyTiles& tiles,
                    const KeyTile& tile) {
  const int keys = tile.keys;
  const int padded = round_up(keys, kLanes);

  k_ = padded == keys ? direct_rows(tiles, tile, kv_head, &KvPiece::k) : nullptr;
  k_stride_ = k_ ? tiles.runs[tile.run].piece->k.row_stride : task.dim;
  if (!k_) {
    float* copy = k_copy_.at_least(kTileKeys * task.dim);
    load_rows(ops, task, kv_head, tiles, tile, &KvPiece::k, copy);
    std::fill(copy + keys * task.dim, copy + padded * task.dim, 0.0f);
    k_ = copy;
  }

  const float* v = direct_rows(tiles, tile, kv_head, &KvPiece::v);
  const int64_t v_stride = v ? tiles.runs[tile.run].piece->v.row_stride : task.dim;
  if (!v) {
    float* copy = v_copy_.at_least(kTileKeys * task.dim);
    load_rows(ops, task, kv_head, tiles, tile, &KvPiece::v, copy);
    v = copy;
  }
  v_ = v_transposed_.at_least(kValueStride * task.dim);
  ops.transpose(v, v_stride, keys, static_cast<int>(task.dim), v_, kValueStride);
  if (padded == keys) return;
  for (int64_t c = 0; c < task.dim; ++c) std::fill(v_ + c * kValueStride + keys, v_ + c * kValueStride + padded, 0.0f);
}

void KeyPanel::load_rows(const VectorOps& ops, const AttendTask& task, int64_t kv_head, const KeyTiles& tiles,
                         const KeyTile& tile, Tensor KvPiece::* plane, float* to) const {
  tiles.for_parts(tile, [&](const KeyStretch& part, int index) {
    convert_rows(ops, part.piece->*plane, kv_head, part.row, part.count, task.dim, to + index * task.dim);
  });
}

}  // namespace ringfold
