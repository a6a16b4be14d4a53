#pragma once

#include "lib/problem.h"
#include "lib/reference_row.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ringfold {

/// How a row was summed: known from the plan. Upper bounds serve.
struct Accumulation {
  int64_t partials = 1;           ///< P: states merged or folded into the row
  int64_t keys_per_call = 0;      ///< m: most keys that one kernel call accumulates; 0: all keys of the row
  bool approximate_tanh = false;  ///< under a softcap, by a kernel that says so
};

/// What a correct row keeps to: docs/numerics.md derives every term.
struct RowBounds {
  double out = 0;    ///< |dO|_2
  double lse = 0;    ///< |dL|
  double sigma = 0;  ///< 16-bit: the scale of |dO| by which groups of gauss rows are judged
};
/// `input` is the problem's dtype, `output` that of the O judged (fp32 for a state).
RowBounds row_bounds(const RowSums& sums, int64_t dim, DType input, DType output, const Accumulation& how);

/// The row with the largest error / bound so far.
struct WorstRow {
  double error = 0;
  double bound = 0;
  QueryRow row{-1, -1, -1};
  int32_t rank = -1;  ///< that held the row
  /// A bound that is not finite proves nothing.
  bool passed() const { return error <= bound && std::isfinite(bound); }
  double ratio() const;
  /// Keeps the worse one; of equals the first row, so that the order of merging does not matter.
  void merge(const WorstRow& other);
};

/// Rows of one head among neighbouring checked tokens: sum of (|dO| / sigma)^2.
struct RmsGroup {
  double squares = 0;
  int64_t rows = 0;
};

/// The figures of some rows: a plain value; those of all ranks merge into the figures of the case.
struct Figures {
  WorstRow output;
  WorstRow lse;
  int64_t out_rows_checked = 0;     ///< rows of O, one for each token and query head
  int64_t lse_rows_checked = 0;     ///< rows of the LSE, which may lie on other ranks than O
  std::vector<std::string> broken;  ///< rows that need no bound to be wrong (not finite, ...), at most 4
  std::map<std::pair<int64_t, int64_t>, RmsGroup> groups;  ///< by (query head, block of checked tokens)

  void merge(const Figures& other);
  void add_broken(std::string message);
  /// For the way to rank 0.
  std::vector<std::byte> serialize() const;
  /// Throws Error(internal) on bytes that serialize did not make.
  static Figures parse(std::span<const std::byte> bytes);
};

/// One rank's rows of the result, as they lie in memory: rows in ascending (sequence, position) order.
struct OutputRows {
  TokenSet tokens;
  HeadRange heads;  ///< query heads
  DType dtype = DType::fp32;
  const void* out = nullptr;    ///< [head][token][dim] by the strides, dim contiguous; null: only the LSE is here
  int64_t out_head_stride = 0;  ///< in elements
  int64_t out_token_stride = 0;
  const float* lse = nullptr;  ///< natural log; null: only O is here
  int64_t lse_head_stride = 0;
  int64_t lse_token_stride = 1;
};

/// Compares one row with its reference and adds it to the figures. `group`: block of checked tokens for the rms
/// rule, negative where that rule does not apply. out: dim values, or null where O is
/// elsewhere; lse: likewise.
void compare_row(const ReferenceRow& reference, const RowBounds& bounds, const QueryRow& row, int32_t rank,
                 const float* out, std::optional<float> lse, int64_t group, Figures& figures);

/// The largest rms of |dO| / sigma over the groups of at least 64 rows; at most 1 passes. Smaller groups are pooled,
/// by head first, then all.
struct WorstRms {
  double rms = 0;
  int64_t rows = 0;
  std::string where;
};
WorstRms worst_rms(const Figures& figures);

/// Why the figures fail, in one line; empty if they pass.
std::string failure_of(const Figures& figures);

}  // namespace ringfold
