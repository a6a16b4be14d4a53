#pragma once

#include "kernels/key_panel.h"
#include "kernels/query_tile.h"
#include "kernels/tile_product.h"

#include <vector>

namespace ringfold {

/// Computes blocks of an attend, one after the other: one thread's scratch memory and products. Each tile of keys is
/// unpacked once for all query tiles of a block; each pair of tiles is multiplied, folded into the running softmax
/// (Milakov and Gimelshein 2018; Dao et al. 2022), and multiplied again. Tiles that no row sees are skipped.
class BlockAttender {
 public:
  explicit BlockAttender(const VectorOps& ops) : ops_(&ops) {}

  /// To be called before the blocks of another task.
  void start(const AttendTask& task, const AttendPlan& plan);
  void attend(const AttendBlock& block, Queue& queue);

 private:
  // Products of one head dim and one stride of K, by lanes and keys in units of kLanes.
  struct Products {
    int64_t dim = 0;
    int64_t k_stride = 0;
    std::array<TileProduct, (kTileRows / kLanes) * (kTileKeys / kLanes)> scores;
    std::array<TileProduct, (kTileRows / kLanes) * (kTileKeys / kLanes)> outputs;
    std::array<bool, (kTileRows / kLanes) * (kTileKeys / kLanes)> made{};
  };
  // Keys [begin, end) of the panel, of which some row of a query tile sees each; are there rows that do not see all?
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
  size_t find_products(int lanes, int keys, Products*& products);

  const VectorOps* ops_;
  const AttendTask* task_ = nullptr;
  const AttendPlan* plan_ = nullptr;
  int64_t sequence_ = -1;
  int64_t kv_head_ = -1;
  KeyTiles keys_;
  KeyPanel panel_;
  std::vector<QueryTile> tiles_ = std::vector<QueryTile>(kBlockTiles);
  int tiles_used_ = 0;
  Scratch queries_;
  Scratch outputs_;
  Scratch scores_;
  Scratch part_;
  Scratch buffer_;
  std::vector<std::unique_ptr<Products>> products_;
  alignas(64) std::array<int32_t, kTileRows> first_seen_{};
  alignas(64) std::array<int32_t, kTileRows> end_seen_{};
  alignas(64) std::array<float, kTileRows> correction_{};
};

}  // namespace ringfold
