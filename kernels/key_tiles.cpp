#include "kernels/key_tiles.h"

#include "kernels/rows.h"

#include <algorithm>

namespace ringfold {

void KeyTiles::build(const AttendTask& task, int64_t sequence, int64_t kv_head, int keys_per_tile) {
  runs.clear();
  tiles.clear();
  for (const KvPiece& piece : task.kv) {
    if (kv_head < piece.k.heads.begin || kv_head >= piece.k.heads.end) continue;
    for (const Segment& segment : segments_of(piece.k.segments, sequence)) {
      if (segment.end <= segment.begin) continue;
      runs.push_back({&piece, segment.begin, segment.row, segment.end - segment.begin});
    }
  }
  // Those of pages mostly are.
  if (!std::ranges::is_sorted(runs, {}, &KeyStretch::position)) std::ranges::sort(runs, {}, &KeyStretch::position);
  KeyTile tile;
  for (size_t run = 0; run < runs.size(); ++run) {
    for (int64_t skipped = 0; skipped < runs[run].count;) {
      if (tile.keys == 0) tile = {run, skipped, 0, runs[run].position + skipped, 0};
      const int64_t count = std::min<int64_t>(runs[run].count - skipped, keys_per_tile - tile.keys);
      skipped += count;
      tile.keys += static_cast<int>(count);
      tile.last_position = runs[run].position + skipped - 1;
      const bool last = run + 1 == runs.size() && skipped == runs[run].count;
      if (tile.keys < keys_per_tile && !last) continue;
      tiles.push_back(tile);
      tile.keys = 0;
    }
  }
}

}  // namespace ringfold
