#pragma once

#include "kernels/merge_tables.h"
#include "lib/kernel.h"

#include <span>
#include <vector>

namespace ringfold {

// The tasks of lib/kernel.h in the terms of merge_tables.h.

/// A plane of O and one of LSEs (null: none): head 0 is the first of `o`.
StateRows state_rows(const Tensor& o, const Tensor* lse);
/// The same from a head on, a global number.
StateRows state_rows(const Tensor& o, const Tensor& lse, int64_t head);
/// The same from a row and a head on, counted from where they begin.
StateRows rows_from(StateRows rows, int64_t row, int64_t head = 0);
/// The rows of the segments.
std::vector<RowSpan> spans_of(std::span<const Segment> segments);
/// The rows and heads of each state that the target (any plane of it) has too, state by state.
std::vector<StatePart> parts_of(std::span<const StateTensor> states, const Tensor& target);

}  // namespace ringfold
