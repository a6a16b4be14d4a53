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
    is_closed_ = keys_ > 0 && of(keys_ - 1) - of(0) == keys_ - 1;
  }
  int keys() const { return keys_; }
  int64_t of(int key) const { return positions_[static_cast<size_t>(key)]; }
  /// Number of keys at positions <= `position`.
  int count_until(int64_t position) const {
    if (is_closed_) return static_cast<int>(std::clamp<int64_t>(position - of(0) + 1, 0, keys_));
    const auto end = positions_.begin() + keys_;
    return static_cast<int>(std::upper_bound(positions_.begin(), end, position) - positions_.begin());
  }

 private:
  int keys_ = 0;
  bool is_closed_ = false;  ///< no position is missing between them
  std::array<int64_t, kTileKeys> positions_{};
};

}  // namespace ringfold
