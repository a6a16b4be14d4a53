#include "lib/check_tiling.h"

#include <algorithm>
#include <utility>

namespace ringfold {

namespace {

struct Strip {
  TokenRange range;
  const Tile* tile = nullptr;
};

std::vector<int64_t> head_edges(const std::vector<Tile>& tiles, const HeadRange& heads) {
  std::vector<int64_t> edges = {heads.begin, heads.end};
  for (const Tile& tile : tiles) {
    edges.push_back(tile.heads.begin);
    edges.push_back(tile.heads.end);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

std::optional<TilingFault> strip_fault(std::vector<Strip> strips, const TokenSet& tokens, const HeadRange& band) {
  std::sort(strips.begin(), strips.end(), [](const Strip& a, const Strip& b) { return a.range < b.range; });
  for (size_t i = 1; i < strips.size(); ++i) {
    const Strip& before = strips[i - 1];
    const Strip& after = strips[i];
    if (before.range.sequence != after.range.sequence || before.range.end <= after.range.begin) continue;
    const int64_t end = std::min(before.range.end, after.range.end);
    return TilingFault{{after.range.sequence, after.range.begin, end}, band, before.tile, after.tile};
  }
  auto next = strips.begin();
  for (const TokenRange& row : tokens.ranges()) {
    int64_t at = row.begin;
    for (; at < row.end && next != strips.end() && next->range.sequence == row.sequence && next->range.begin == at;
         ++next) {
      at = next->range.end;
    }
    if (at >= row.end) continue;
    const bool here = next != strips.end() && next->range.sequence == row.sequence && next->range.begin < row.end;
    return TilingFault{{row.sequence, at, here ? next->range.begin : row.end}, band, nullptr, nullptr};
  }
  return std::nullopt;
}

}  // namespace

std::optional<TilingFault> tiling_fault(const std::vector<Tile>& tiles, const TokenSet& tokens,
                                        const HeadRange& heads) {
  if (heads.empty() || tokens.empty()) return std::nullopt;
  const std::vector<int64_t> edges = head_edges(tiles, heads);
  std::vector<std::vector<Strip>> bands(edges.size() - 1);
  for (const Tile& tile : tiles) {
    auto band = static_cast<size_t>(std::lower_bound(edges.begin(), edges.end(), tile.heads.begin) - edges.begin());
    for (; band < bands.size() && edges[band] < tile.heads.end; ++band) {
      for (const TokenRange& range : tile.tokens.ranges()) bands[band].push_back({range, &tile});
    }
  }
  for (size_t band = 0; band < bands.size(); ++band) {
    auto fault = strip_fault(std::move(bands[band]), tokens, {edges[band], edges[band + 1]});
    if (fault) return fault;
  }
  return std::nullopt;
}

}  // namespace ringfold
