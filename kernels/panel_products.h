#pragma once

#include "kernels/key_panel.h"
#include "kernels/key_products.h"
#include "kernels/tile_product.h"

#include <array>
#include <memory>
#include <vector>

namespace ringfold {

/// For many rows of queries: keys are unpacked once for all query tiles of a block, and tiles multiplied as matrices.
class PanelProducts final : public KeyProducts {
 public:
  explicit PanelProducts(const VectorOps& ops) : ops_(&ops) {}

  void begin(const AttendTask& task, int64_t kv_head, std::span<const QueryTile> queries) override;
  void load(const KeyTiles& tiles, const KeyTile& tile) override;
  void scores(const QueryTile& queries, int first, int keys, float* scores) override;
  void outputs(const QueryTile& queries, int first, int keys, float* weights, float* part) override;

 private:
  static constexpr size_t kShapes = static_cast<size_t>((kTileRows / kLanes) * (kTileKeys / kLanes));
  // Of one head dim and one stride of K, by lanes and keys in units of kLanes.
  struct Shapes {
    int64_t dim = 0;
    int64_t k_stride = 0;
    std::array<TileProduct, kShapes> scores;
    std::array<TileProduct, kShapes> outputs;
    std::array<bool, kShapes> made{};
  };
  size_t find(int lanes, int keys, Shapes*& shapes);

  const VectorOps* ops_;
  const AttendTask* task_ = nullptr;
  int64_t kv_head_ = -1;
  KeyPanel panel_;
  std::vector<std::unique_ptr<Shapes>> shapes_;
};

}  // namespace ringfold
