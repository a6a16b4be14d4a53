#pragma once

#include "kernels/rows.h"
#include "kernels/vector_ops.h"

namespace ringfold {

/// to [count][dim]: rows [row, row + count) of a head, as fp32.
inline void convert_rows(const VectorOps& ops, const Tensor& from, int64_t head, int64_t row, int64_t count,
                         int64_t dim, float* to) {
  const int64_t step = from.row_stride == dim ? count : 1;
  for (int64_t i = 0; i < count; i += step) {
    ops.load(from.dtype, row_of(from, head, row + i), step * dim, to + i * dim);
  }
}

}  // namespace ringfold
