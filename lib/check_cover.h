#pragma once

#include "lib/problem.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace ringfold {

/// Which keys the queries at [begin, end) of a sequence see, taken together.
TokenRange visible_keys(const Problem& problem, const TokenRange& queries);

/// Keys [begin, end).
struct KeyRun {
  int64_t begin = 0;
  int64_t end = 0;
};

/// Consecutive queries of one sequence that have attended the same keys, as far as they see them: the pair
/// (query, key) is covered iff the key is in `keys` and visible to the query.
/// `keys` are disjoint, ascending, not adjacent, and each is seen by some query of the cell; so two covers of a cell
/// hold a pair in common iff their keys intersect, and the cell is complete iff its keys are all that it sees.
struct Cell {
  TokenRange queries;
  std::vector<KeyRun> keys;

  /// Adds keys; returns the first of them that were there already.
  std::optional<KeyRun> add(const KeyRun& run);
};

/// Part of a cell's pairs: what was doubled, or what is missing.
struct Pairs {
  TokenRange queries;
  TokenRange keys;
  HeadRange heads;
};

/// What a state has attended: exact algebra over (queries x heads x keys).
class Cover {
 public:
  explicit Cover(const Problem& problem) : problem_(&problem) {}

  /// Adds queries x heads x keys, as far as visible; returns what was covered already (and stays covered once).
  std::optional<Pairs> add(const TokenSet& queries, const HeadRange& heads, const TokenSet& keys);
  /// Adds what `other` has attended for queries x heads.
  std::optional<Pairs> add(const Cover& other, const TokenSet& queries, const HeadRange& heads);
  /// The first visible pairs of queries x heads that are not covered.
  std::optional<Pairs> missing(const TokenSet& queries, const HeadRange& heads);

 private:
  /// Heads that have attended the same, with cells in ascending order; queries in no cell have attended nothing.
  struct Band {
    HeadRange heads;
    std::vector<Cell> cells;
  };

  template <typename Visit>
  void visit_bands(const HeadRange& heads, Visit&& visit);
  template <typename Visit>
  void visit_cells(Band& band, const TokenSet& queries, Visit&& visit);
  void tile(Band& band, const TokenSet& queries) const;
  std::vector<Cell> parts(const Band& band, const TokenSet& queries) const;
  Cell part(const Cell& cell, int64_t begin, int64_t end) const;

  const Problem* problem_;
  std::vector<Band> bands_;  ///< ascending, disjoint
};

}  // namespace ringfold
