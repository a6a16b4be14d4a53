#pragma once

#include "lib/problem.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ringfold {

/// O with its LSE: element (head h, row r, channel c) of O is element h * o_head_stride + r * o_row_stride + c of
/// `o`, the LSE is float h * lse_head_stride + r * lse_row_stride of `lse`. Owns nothing.
struct StateRows {
  std::byte* o = nullptr;
  DType dtype = DType::fp32;
  int64_t o_row_stride = 0;   ///< in elements
  int64_t o_head_stride = 0;  ///< in elements
  float* lse = nullptr;       ///< null: no LSE is written
  int64_t lse_row_stride = 0;
  int64_t lse_head_stride = 0;
};

/// One summand: row r, head h of `from` belongs to row target_row + r, head target_head + h of the target.
struct StatePart {
  StateRows from;
  int64_t target_row = 0;
  int64_t rows = 0;
  int64_t target_head = 0;
  int64_t heads = 0;
  bool base_2 = false;  ///< its LSE is a binary logarithm
};

/// Rows [begin, begin + count).
struct RowSpan {
  int64_t begin = 0;
  int64_t count = 0;
};

/// Consecutive rows of a target to which the same parts belong.
struct MergeRun {
  int64_t first = 0;    ///< rows of the runs before
  int64_t row = 0;      ///< of the target
  int32_t entries = 0;  ///< parts that belong here: numbers in MergeTables::entries
  int32_t entry = 0;    ///< the first of them
};

/// What a device needs to know of a merge, apart from the parts themselves.
struct MergeTables {
  std::vector<MergeRun> runs;
  std::vector<int32_t> entries;  ///< part numbers, ascending within a run
  int64_t rows = 0;
  int32_t most_entries = 0;  ///< of a run
};

/// Cuts the target's rows, disjoint spans in any order, where parts begin and end.
MergeTables plan_merge(std::span<const RowSpan> target, std::span<const StatePart> parts);

}  // namespace ringfold
