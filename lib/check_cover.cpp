#include "lib/check_cover.h"

#include "lib/error.h"

#include <iterator>
#include <utility>

namespace ringfold {

TokenRange visible_keys(const Problem& problem, const TokenRange& queries) {
  const int64_t length = problem.sequences[static_cast<size_t>(queries.sequence)].length();
  switch (problem.mask.kind) {
    case MaskKind::causal: return {queries.sequence, 0, queries.end};
    case MaskKind::full: return {queries.sequence, 0, length};
    case MaskKind::window:
      if (problem.mask.window == 0) return {queries.sequence, 0, 0};
      return {queries.sequence, std::max<int64_t>(0, queries.begin + 1 - problem.mask.window), queries.end};
  }
  RINGFOLD_INVARIANT(false, "mask {}", static_cast<int>(problem.mask.kind));
}

std::optional<KeyRun> Cell::add(const KeyRun& run) {
  // The common case: after, or just at the end of, everything there is.
  if (keys.empty() || keys.back().end < run.begin) {
    keys.push_back(run);
    return std::nullopt;
  }
  auto first = std::partition_point(keys.begin(), keys.end(), [&](const KeyRun& it) { return it.end < run.begin; });
  if (first == keys.end() || run.end < first->begin) {
    keys.insert(first, run);
    return std::nullopt;
  }
  std::optional<KeyRun> doubled;
  KeyRun joined = run;
  auto last = first;
  for (; last != keys.end() && last->begin <= run.end; ++last) {
    const KeyRun common{std::max(last->begin, run.begin), std::min(last->end, run.end)};
    if (!doubled && common.begin < common.end) doubled = common;
    joined = {std::min(joined.begin, last->begin), std::max(joined.end, last->end)};
  }
  *first = joined;
  keys.erase(first + 1, last);
  return doubled;
}

/// Queries [begin, end) of a cell.
Cell Cover::part(const Cell& cell, int64_t begin, int64_t end) const {
  Cell part{{cell.queries.sequence, begin, end}, {}};
  const TokenRange seen = visible_keys(*problem_, part.queries);
  for (const KeyRun& run : cell.keys) {
    const KeyRun clipped{std::max(run.begin, seen.begin), std::min(run.end, seen.end)};
    if (clipped.begin < clipped.end) part.keys.push_back(clipped);
  }
  return part;
}

/// Cuts and adds bands until they tile `heads`, and visits those.
template <typename Visit>
void Cover::visit_bands(const HeadRange& heads, Visit&& visit) {
  size_t i = 0;
  while (i < bands_.size() && bands_[i].heads.end <= heads.begin) ++i;
  for (int64_t at = heads.begin; at < heads.end; ++i) {
    const auto here = bands_.begin() + static_cast<std::ptrdiff_t>(i);
    if (here == bands_.end() || here->heads.begin >= heads.end) {
      bands_.insert(here, Band{{at, heads.end}, {}});
    } else if (here->heads.begin > at) {
      bands_.insert(here, Band{{at, here->heads.begin}, {}});
    } else if (here->heads.begin < at) {
      Band second{{at, here->heads.end}, here->cells};
      here->heads.end = at;
      bands_.insert(here + 1, std::move(second));
      continue;
    } else if (here->heads.end > heads.end) {
      Band second{{heads.end, here->heads.end}, here->cells};
      here->heads.end = heads.end;
      bands_.insert(here + 1, std::move(second));
    }
    visit(bands_[i]);
    at = bands_[i].heads.end;
  }
}

namespace {

/// The first cell from `from` on that ends after the beginning of `queries`.
template <typename Iterator>
Iterator first_cell(Iterator from, Iterator end, const TokenRange& queries) {
  return std::partition_point(from, end, [&](const Cell& cell) {
    return std::pair(cell.queries.sequence, cell.queries.end) <= std::pair(queries.sequence, queries.begin);
  });
}

bool is_tiled(const std::vector<Cell>& cells, const TokenSet& queries) {
  auto cell = cells.begin();
  for (const TokenRange& range : queries.ranges()) {
    cell = first_cell(cell, cells.end(), range);
    int64_t at = range.begin;
    for (; at < range.end; ++cell) {
      if (cell == cells.end() || cell->queries.sequence != range.sequence || cell->queries.begin != at) return false;
      at = cell->queries.end;
    }
    if (at != range.end) return false;
  }
  return true;
}

}  // namespace

/// Cuts and adds cells until they tile `queries`, all in one go: states of packed batches have many.
void Cover::tile(Band& band, const TokenSet& queries) const {
  if (is_tiled(band.cells, queries)) return;
  std::vector<Cell> cells;
  cells.reserve(band.cells.size() + 2 * queries.ranges().size());
  auto cell = band.cells.begin();
  for (const TokenRange& range : queries.ranges()) {
    const auto first = first_cell(cell, band.cells.end(), range);
    std::move(cell, first, std::back_inserter(cells));
    cell = first;
    int64_t at = range.begin;
    while (cell != band.cells.end() && cell->queries.sequence == range.sequence && cell->queries.begin < range.end) {
      const TokenRange had = cell->queries;
      if (had.begin < at) cells.push_back(part(*cell, had.begin, at));
      if (had.begin > at) cells.push_back(Cell{{range.sequence, at, had.begin}, {}});
      const int64_t begin = std::max(at, had.begin);
      at = std::min(range.end, had.end);
      cells.push_back(begin == had.begin && at == had.end ? std::move(*cell) : part(*cell, begin, at));
      if (had.end > range.end) {
        *cell = part(*cell, range.end, had.end);
        break;
      }
      ++cell;
    }
    if (at < range.end) cells.push_back(Cell{{range.sequence, at, range.end}, {}});
  }
  std::move(cell, band.cells.end(), std::back_inserter(cells));
  band.cells = std::move(cells);
}

/// Tiles `queries` with cells and visits those.
template <typename Visit>
void Cover::visit_cells(Band& band, const TokenSet& queries, Visit&& visit) {
  tile(band, queries);
  auto cell = band.cells.begin();
  for (const TokenRange& range : queries.ranges()) {
    cell = first_cell(cell, band.cells.end(), range);
    for (int64_t at = range.begin; at < range.end; ++cell) {
      visit(*cell);
      at = cell->queries.end;
    }
  }
}

std::optional<Pairs> Cover::add(const TokenSet& queries, const HeadRange& heads, const TokenSet& keys) {
  std::optional<Pairs> doubled;
  const auto all = keys.ranges();
  visit_bands(heads, [&](Band& band) {
    auto first = all.begin();
    visit_cells(band, queries, [&](Cell& cell) {
      const int64_t sequence = cell.queries.sequence;
      while (first != all.end() && first->sequence < sequence) ++first;
      const TokenRange seen = visible_keys(*problem_, cell.queries);
      for (auto key = first; key != all.end() && key->sequence == sequence && key->begin < seen.end; ++key) {
        const KeyRun run{std::max(key->begin, seen.begin), std::min(key->end, seen.end)};
        if (run.begin >= run.end) continue;
        const auto common = cell.add(run);
        if (common && !doubled) doubled = Pairs{cell.queries, {sequence, common->begin, common->end}, band.heads};
      }
    });
  });
  return doubled;
}

/// The parts of the band's cells that lie in `queries`.
std::vector<Cell> Cover::parts(const Band& band, const TokenSet& queries) const {
  std::vector<Cell> parts;
  auto cell = band.cells.begin();
  for (const TokenRange& range : queries.ranges()) {
    cell = first_cell(cell, band.cells.end(), range);
    for (auto it = cell; it != band.cells.end() && it->queries.sequence == range.sequence; ++it) {
      if (it->queries.begin >= range.end) break;
      parts.push_back(part(*it, std::max(it->queries.begin, range.begin), std::min(it->queries.end, range.end)));
    }
  }
  return parts;
}

std::optional<Pairs> Cover::add(const Cover& other, const TokenSet& queries, const HeadRange& heads) {
  std::optional<Pairs> doubled;
  for (const Band& from : other.bands_) {
    const HeadRange common = intersect(from.heads, heads);
    if (common.empty()) continue;
    std::vector<Cell> parts = other.parts(from, queries);
    visit_bands(common, [&](Band& band) {
      if (band.cells.empty()) {
        band.cells = parts;
        return;
      }
      for (const Cell& part : parts) {
        if (part.keys.empty()) continue;
        visit_cells(band, TokenSet({part.queries}), [&](Cell& cell) {
          for (const KeyRun& run : this->part(part, cell.queries.begin, cell.queries.end).keys) {
            const auto again = cell.add(run);
            if (!again || doubled) continue;
            doubled = Pairs{cell.queries, {cell.queries.sequence, again->begin, again->end}, band.heads};
          }
        });
      }
    });
  }
  return doubled;
}

std::optional<Pairs> Cover::missing(const TokenSet& queries, const HeadRange& heads) {
  std::optional<Pairs> missing;
  visit_bands(heads, [&](Band& band) {
    visit_cells(band, queries, [&](Cell& cell) {
      if (missing) return;
      const TokenRange seen = visible_keys(*problem_, cell.queries);
      if (seen.begin >= seen.end) return;
      int64_t at = seen.begin;
      if (!cell.keys.empty() && cell.keys.front().begin == at) at = cell.keys.front().end;
      if (at >= seen.end) return;
      const auto next =
          std::partition_point(cell.keys.begin(), cell.keys.end(), [&](const KeyRun& run) { return run.begin <= at; });
      const int64_t end = next == cell.keys.end() ? seen.end : next->begin;
      missing = Pairs{cell.queries, {seen.sequence, at, end}, band.heads};
    });
  });
  return missing;
}

}  // namespace ringfold
