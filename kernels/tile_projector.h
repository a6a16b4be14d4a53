#pragma once

#include "kernels/tile_product.h"
#include "lib/kernel.h"

#include <map>
#include <vector>

namespace ringfold {

/// Consecutive rows of one head of a projection.
struct ProjectedTile {
  int64_t head = 0;
  int64_t x_row = 0;
  int64_t to_row = 0;
  int64_t rows = 0;
};
/// They share no results, so their order changes nothing.
std::vector<ProjectedTile> tiles_of(const ProjectTask& task);

/// Projects hidden states tile by tile, in fp32: products of 256 channels at a time, each a sum of its own that is
/// added to the tile afterwards. One a thread.
class TileProjector {
 public:
  /// The task must outlive this.
  explicit TileProjector(const ProjectTask& task);
  void project(const ProjectedTile& tile);

 private:
  const TileProduct& product(int rows, int channels);

  const ProjectTask& task_;
  std::map<ProductShape, TileProduct> products_;
  std::vector<float> x_, w_, part_, sum_;
};

}  // namespace ringfold
