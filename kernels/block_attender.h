#pragma once

#include "kernels/key_positions.h"
#include "kernels/panel_products.h"
#include "kernels/row_products.h"

#include <vector>

namespace ringfold {

/// Computes blocks of an attend, one after the other: one thread's scratch memory and products. Each pair of tiles is
/// multiplied, folded into the running softmax (Milakov and Gimelshein 2018; Dao et al. 2022), and multiplied again.
/// Tiles that no row sees are skipped.
class BlockAttender {
 public:
  explicit BlockAttender(const VectorOps& ops)
      : ops_(&ops), panel_products_(ops), row_products_(ops), tiles_(static_cast<size_t>(kBlockRows / ops.tile_rows)) {}

  /// To be called before the blocks of another task.
  void start(const AttendTask& task, const AttendPlan& plan);
  void attend(const AttendBlock& block, Queue& queue);

 private:
  // Keys [begin, end) of the tile, of which some row of a query tile sees each; are there rows that do not see all?
  struct Seen {
    int begin = 0;
    int end = 0;
    bool partly = false;
  };

  void load_tiles(const AttendBlock& block);
  bool may_see(const QueryTile& tile, const KeyTile& keys) const;
  Seen seen_by(const QueryTile& tile) const;
  void fold(QueryTile& tile);
  void set_bounds(const QueryTile& tile, const Seen& seen);

  const VectorOps* ops_;
  const AttendTask* task_ = nullptr;
  const AttendPlan* plan_ = nullptr;
  int64_t sequence_ = -1;
  int64_t kv_head_ = -1;
  KeyTiles keys_;
  KeyPositions positions_;
  PanelProducts panel_products_;
  RowProducts row_products_;
  KeyProducts* products_ = nullptr;
  std::vector<QueryTile> tiles_;
  int tiles_used_ = 0;
  Scratch queries_;
  Scratch outputs_;
  Scratch scores_;
  Scratch part_;
  Scratch buffer_;
  alignas(64) std::array<int32_t, kTileRows> first_seen_{};
  alignas(64) std::array<int32_t, kTileRows> end_seen_{};
  alignas(64) std::array<float, kTileRows> correction_{};
};

}  // namespace ringfold
