#pragma once

#include "kernels/key_tiles.h"
#include "kernels/tile_sizes.h"

#include <algorithm>
#include <array>

namespace ringfold {

/// Positions of the keys of one tile, ascending.
class KeyPositions {
 public:
  void load(const KeyTiles& tiles, const KeyTile& tile) {
    keys_ = tile.keys;
    tiles.for_parts(tile, [&](const KeyStretch& part, int index) {
      for (int64_t i = 0; i < part.count; ++i) positions_[static_cast<size_t>(index + i)] = part.position + i;
    });
  }
  int keys() const { return keys_; }
  int64_t of(int key) const { return positions_[static_cast<size_t>(key)]; }
  /// Number of keys at positions <= `position`.
  int count_until(int64_t position) const {
    if (keys_ > 0 && position >= of(keys_ - 1)) return keys_;
    const auto end = positions_.begin() + keys_;
    return static_cast<int>(std::upper_bound(positions_.begin(), end, position) - positions_.begin());
  }

 private:
  int keys_ = 0;
  std::array<int64_t, kTileKeys> positions_{};
};

}  // namespace ringfold
