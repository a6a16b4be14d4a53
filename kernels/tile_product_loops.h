#pragma once

#include "kernels/tile_product.h"

namespace ringfold {

/// For shapes and machines that no library serves.
inline void multiply_by_loops(const ProductShape& shape, const float* a, const float* b, float* c) {
  for (int j = 0; j < shape.n; ++j) {
    float* column = c + static_cast<long>(j) * shape.ldc;
    for (int i = 0; i < shape.m; ++i) column[i] = 0.0f;
    for (int l = 0; l < shape.k; ++l) {
      const float factor = b[l + static_cast<long>(j) * shape.ldb];
      const float* from = a + static_cast<long>(l) * shape.lda;
      for (int i = 0; i < shape.m; ++i) column[i] += factor * from[i];
    }
  }
}

}  // namespace ringfold
