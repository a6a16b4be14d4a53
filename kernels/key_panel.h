#pragma once

#include "kernels/key_tiles.h"
#include "kernels/tile_sizes.h"
#include "kernels/vector_ops.h"

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

 private:
  void load_rows(const VectorOps& ops, const AttendTask& task, int64_t kv_head, const KeyTiles& tiles,
                 const KeyTile& tile, Tensor KvPiece::* plane, float* to) const;

  const float* k_ = nullptr;
  int64_t k_stride_ = 0;
  float* v_ = nullptr;
  Scratch k_copy_;
  Scratch v_copy_;
  Scratch v_transposed_;
};

}  // namespace ringfold
