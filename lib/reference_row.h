#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace ringfold {

/// A row of the result: one query token and one query head.
struct QueryRow {
  int64_t sequence = 0;
  int64_t position = 0;
  int64_t head = 0;
  auto operator<=>(const QueryRow&) const = default;
};

/// The sums from which a row's bounds are made (docs/numerics.md), over its visible keys j with weights p_j,
/// logits t_j (scaled, then capped), s the softmax scale. All are 0 for a row without keys.
struct RowSums {
  int64_t keys = 0;                                       ///< n, visible keys
  double lse = -std::numeric_limits<double>::infinity();  ///< L, natural log
  double o = 0;                                           ///< |O|
  double w = 0;                                           ///< sqrt(sum p^2 |v|^2)
  double t = 0;                                           ///< sum p |t|
  double peak = 0;                                        ///< max |t|
  double h = 0;  ///< s sqrt(sum over channels c of q_c^2 mean k_c^2), mean over the head's keys of the sequence
  double a = 0;  ///< s |q| sqrt(sum p^2 |k|^2)
  double b = 0;  ///< s |q| sqrt(sum p^2 |k|^2 |v|^2)
  double f = 0;  ///< sum min(p, 2^-25 max p) |v|
  /// Dust: sum p, and sum p |v|, over keys with p < theta; [0] of one state, [1] of several merged ones.
  double dust[2] = {0, 0};
  double dust_v[2] = {0, 0};
  /// What inputs in doubt (InputSource::row_doubt) may change L by, and O.
  double lse_doubt = 0;
  double out_doubt = 0;
};

struct ReferenceRow {
  std::vector<double> out;  ///< O [dim]; 0 without keys
  RowSums sums;
};

/// Weights below this are dust: lost without trace when exponentials are taken from a maximum, or when merged
/// states rescale each other.
double dust_threshold(const RowSums& sums, bool merged);

}  // namespace ringfold
