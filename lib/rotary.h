#pragma once

#include "lib/problem.h"

#include <cstdint>

namespace ringfold {

/// Turns a query or key [dim] at `position`, in fp32 holding values of `dtype`. Every bit is defined, so that all who
/// turn a row get the same: the angle p theta^(-2i / dim) in fp64; its cosine and sine rounded to fp32; x c - y s and
/// x s + y c in fp64, where the products are exact; rounded to fp32, and that to the dtype.
void rotate_row(const Rope& rope, DType dtype, int64_t position, int64_t dim, float* row);

}  // namespace ringfold
