#pragma once

#include "lib/tokens.h"

#include <optional>
#include <vector>

namespace ringfold {

/// A rectangle (token set x head range) of some block, to be laid side by side with others.
struct Tile {
  TokenSet tokens;
  HeadRange heads;
  int rank = 0;
  int block = 0;
};

/// Where tiles fail to cover an area exactly once: part of it that two tiles hold, or that none holds.
struct TilingFault {
  TokenRange tokens;
  HeadRange heads;
  const Tile* first = nullptr;  ///< null: nobody holds it
  const Tile* second = nullptr;
};

/// Do the tiles, all inside tokens x heads, cover it exactly once? A fault in the first band of heads, doubled
/// parts before missing ones, or nothing.
/// Time: number of token ranges, times the bands into which the tiles' heads cut each other, times a logarithm.
std::optional<TilingFault> tiling_fault(const std::vector<Tile>& tiles, const TokenSet& tokens, const HeadRange& heads);

}  // namespace ringfold
