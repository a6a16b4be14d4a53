// Compiled where libxsmm is missing.
#include "kernels/tile_product.h"
#include "lib/error.h"

#include <Eigen/Core>

namespace ringfold {

TileProduct::TileProduct(const ProductShape& shape) : shape_(shape) {}

void TileProduct::operator()(const float* a, const float* b, float* c) const {
  using Matrix = Eigen::MatrixXf;
  using Stride = Eigen::OuterStride<>;
  const Eigen::Map<const Matrix, 0, Stride> left(a, shape_.m, shape_.k, Stride(shape_.lda));
  const Eigen::Map<const Matrix, 0, Stride> right(b, shape_.k, shape_.n, Stride(shape_.ldb));
  Eigen::Map<Matrix, 0, Stride>(c, shape_.m, shape_.n, Stride(shape_.ldc)).noalias() = left * right;
}

std::string describe_tile_products() {
  return fmt::format("products by Eigen {}.{}.{} for {} (libxsmm, which is faster, was not there at build time)",
                     EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION, Eigen::SimdInstructionSetsInUse());
}

}  // namespace ringfold
