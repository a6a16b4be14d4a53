#pragma once

#include "kernels/key_tiles.h"
#include "kernels/tile_sizes.h"
#include "kernels/vector_ops.h"

#include <array>

namespace ringfold {

/// A tile of keys made ready for the products: K as rows, V transposed, both fp32.
class KeyPanel {
 public:
  void load(const VectorOps& ops, const AttendTask& task, int64_t kv_head, const KeyTiles& tiles, const KeyTile& tile);

  /// Key i at k() + i * k_stride(); a copy where it is not fp32, in one piece, and of a multiple of kLanes keys. A copy
  /// is filled up with zeros to such a multiple.
  const float* k() const { return k_; }
  int64_t k_stride() const { return k_stride_; }
  /// [dim][kValueStride]; zeros behind the last key, up to a multiple of kLanes.
  const float* v() const { return v_; }
  int keys() const { return keys_; }
  /// Position of key i.
  int64_t position(int key) const { return positions_[static_cast<size_t>(key)]; }
  /// Number of keys at positions <= `position`.
  int count_until(int64_t position) const;

 private:
  void load_rows(const VectorOps& ops, const AttendTask& task, int64_t kv_head, const KeyTiles& tiles,
                 const KeyTile& tile, Tensor KvPiece::* plane, float* to) const;

  int keys_ = 0;
  const float* k_ = nullptr;
  int64_t k_stride_ = 0;
  float* v_ = nullptr;
  std::array<int64_t, kTileKeys> positions_{};
  Scratch k_copy_;
  Scratch v_copy_;
  Scratch v_transposed_;
};

}  // namespace ringfold
