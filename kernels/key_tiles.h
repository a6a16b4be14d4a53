#pragma once

#include "lib/kernel.h"

#include <vector>

namespace ringfold {

/// Consecutive positions in consecutive rows of a piece.
struct KeyStretch {
  const KvPiece* piece = nullptr;
  int64_t position = 0;
  int64_t row = 0;
  int64_t count = 0;
};

/// Keys that are multiplied together: `keys` of them from key `skipped` of run `run` on, into later runs where that one
/// ends; ascending by position.
struct KeyTile {
  size_t run = 0;
  int64_t skipped = 0;
  int keys = 0;
  int64_t first_position = 0;
  int64_t last_position = 0;
};

/// The keys of one sequence that one kv head holds in all pieces, sorted by position, whatever the order of the pieces.
struct KeyTiles {
  std::vector<KeyStretch> runs;
  std::vector<KeyTile> tiles;

  /// Replaces the content; keeps memory for the next time.
  void build(const AttendTask& task, int64_t sequence, int64_t kv_head, int keys_per_tile);
  /// Calls visit(piece, row, count, index in the tile) for each part of a tile.
  template <typename Visit>
  void for_parts(const KeyTile& tile, Visit&& visit) const {
    int64_t skipped = tile.skipped;
    size_t run = tile.run;
    for (int done = 0; done < tile.keys; ++run, skipped = 0) {
      const KeyStretch& from = runs[run];
      const int64_t count = std::min<int64_t>(from.count - skipped, tile.keys - done);
      visit(KeyStretch{from.piece, from.position + skipped, from.row + skipped, count}, done);
      done += static_cast<int>(count);
    }
  }
};

}  // namespace ringfold
