#pragma once

#include "kernels/key_tiles.h"
#include "kernels/query_tile.h"

namespace ringfold {

/// The two products of a tile of queries with a tile of keys, between which the softmax stands. Scores and weights are
/// [key][lanes of the queries], all of which are computed. Memory is the caller's.
class KeyProducts {
 public:
  virtual ~KeyProducts() = default;
  /// To be called before the tiles of keys of another block.
  virtual void begin(const AttendTask& task, int64_t kv_head, std::span<const QueryTile> queries) = 0;
  /// The tile of keys that the products after it are of. Both must outlive them.
  virtual void load(const KeyTiles& tiles, const KeyTile& tile) = 0;
  /// scores [keys][lanes] of keys [first, first + keys) of the tile; `first` is a multiple of kLanes.
  virtual void scores(const QueryTile& queries, int first, int keys, float* scores) = 0;
  /// part [dim][lanes] = the same keys' values, weighed. May write to the weights behind the last key's, up to a
  /// multiple of kLanes.
  virtual void outputs(const QueryTile& queries, int first, int keys, float* weights, float* part) = 0;
};

}  // namespace ringfold
