#include "lib/check_cover.h"

#include "lib/error.h"

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

void Cover::clip(Cell& cell) const {
  const TokenRange seen = visible_keys(*problem_, cell.queries);
  for (KeyRun& run : cell.keys) run = {std::max(run.begin, seen.begin), std::min(run.end, seen.end)};
  std::erase_if(cell.keys, [](const KeyRun& run) { return run.begin >= run.end; });
}

void Cover::split(Band& band, size_t index, int64_t position) {
  Cell second = band.cells[index];
  band.cells[index].queries.end = position;
  second.queries.begin = position;
  clip(band.cells[index]);
  clip(second);
  band.cells.insert(band.cells.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(second));
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

/// Cuts and adds cells until they tile `queries`, and visits those.
template <typename Visit>
void Cover::visit_cells(Band& band, const TokenRange& queries, Visit&& visit) {
  const auto found = std::partition_point(band.cells.begin(), band.cells.end(), [&](const Cell& cell) {
    return std::pair(cell.queries.sequence, cell.queries.end) <= std::pair(queries.sequence, queries.begin);
  });
  auto i = static_cast<size_t>(found - band.cells.begin());
  for (int64_t at = queries.begin; at < queries.end; ++i) {
    const bool here = i < band.cells.size() && band.cells[i].queries.sequence == queries.sequence &&
                      band.cells[i].queries.begin < queries.end;
    if (!here || band.cells[i].queries.begin > at) {
      const int64_t end = here ? band.cells[i].queries.begin : queries.end;
      band.cells.insert(band.cells.begin() + static_cast<std::ptrdiff_t>(i), Cell{{queries.sequence, at, end}, {}});
    } else {
      if (band.cells[i].queries.begin < at) split(band, i++, at);
      if (band.cells[i].queries.end > queries.end) split(band, i, queries.end);
    }
    at = band.cells[i].queries.end;
    visit(band.cells[i]);
  }
}

std::optional<Pairs> Cover::add(const TokenSet& queries, const HeadRange& heads, const TokenSet& keys) {
  std::optional<Pairs> doubled;
  const auto all = keys.ranges();
  visit_bands(heads, [&](Band& band) {
    for (const TokenRange& range : queries.ranges()) {
      const auto first = std::partition_point(all.begin(), all.end(), [&](const TokenRange& key) {
        return key.sequence < range.sequence;
      });
      if (first == all.end() || first->sequence != range.sequence) continue;
      visit_cells(band, range, [&](Cell& cell) {
        const TokenRange seen = visible_keys(*problem_, cell.queries);
        for (auto key = first; key != all.end() && key->sequence == range.sequence && key->begin < seen.end; ++key) {
          const KeyRun run{std::max(key->begin, seen.begin), std::min(key->end, seen.end)};
          if (run.begin >= run.end) continue;
          const auto common = cell.add(run);
          if (common && !doubled) {
            doubled = Pairs{cell.queries, {range.sequence, common->begin, common->end}, band.heads};
          }
        }
      });
    }
  });
  return doubled;
}

std::optional<Pairs> Cover::add(const Cover& other, const TokenSet& queries, const HeadRange& heads) {
  std::optional<Pairs> doubled;
  for (const Band& band : other.bands_) {
    const HeadRange common = intersect(band.heads, heads);
    if (common.empty()) continue;
    for (const Cell& cell : band.cells) {
      if (cell.keys.empty()) continue;
      const TokenSet part = intersect(TokenSet({cell.queries}), queries);
      if (part.empty()) continue;
      std::vector<TokenRange> keys;
      for (const KeyRun& run : cell.keys) keys.push_back({cell.queries.sequence, run.begin, run.end});
      const auto pairs = add(part, common, TokenSet(std::move(keys)));
      if (pairs && !doubled) doubled = pairs;
    }
  }
  return doubled;
}

std::optional<Pairs> Cover::missing(const TokenSet& queries, const HeadRange& heads) {
  std::optional<Pairs> missing;
  visit_bands(heads, [&](Band& band) {
    for (const TokenRange& range : queries.ranges()) {
      visit_cells(band, range, [&](Cell& cell) {
        if (missing) return;
        const TokenRange seen = visible_keys(*problem_, cell.queries);
        if (seen.begin >= seen.end) return;
        int64_t at = seen.begin;
        if (!cell.keys.empty() && cell.keys.front().begin == at) at = cell.keys.front().end;
        if (at >= seen.end) return;
        const auto next = std::partition_point(cell.keys.begin(), cell.keys.end(),
                                               [&](const KeyRun& run) { return run.begin <= at; });
        const int64_t end = next == cell.keys.end() ? seen.end : next->begin;
        missing = Pairs{cell.queries, {seen.sequence, at, end}, band.heads};
      });
    }
  });
  return missing;
}

}  // namespace ringfold
