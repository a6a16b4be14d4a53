#pragma once

#include "lib/kernel.h"

#include <span>

namespace ringfold {

/// A row of a partial state: O [dim] and its natural-log LSE.
struct StateRow {
  const float* o = nullptr;
  float lse = 0.0f;
};

/// Merges rows in their order: L = log sum exp(L_i), O = sum exp(L_i - L) O_i, both summed in fp64 and rounded once.
/// Rows with L_i = -inf weigh nothing, whatever their O holds; a single row that weighs keeps its bits; no row at all
/// is the empty one. `o` [dim] may be one of the rows. `sums` [dim] is scratch. Returns L.
float merge_rows(std::span<const StateRow> rows, int64_t dim, double* sums, float* o);

/// The tasks of lib/kernel.h over host memory, run at once in the calling thread. In a merge, the state may share
/// memory with a part where rows and heads coincide.
void merge_on_host(const MergeTask& task);
void finish_on_host(const FinishTask& task);
void copy_on_host(const CopyTask& task);

}  // namespace ringfold
