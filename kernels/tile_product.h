#pragma once

#include <compare>
#include <string>

namespace ringfold {

/// C [m, n] = A [m, k] B [k, n], all column-major fp32 with leading dimensions: element (i, j) of C at c[i + j * ldc].
struct ProductShape {
  int m = 0;
  int n = 0;
  int k = 0;
  int lda = 0;
  int ldb = 0;
  int ldc = 0;
  auto operator<=>(const ProductShape&) const = default;
};

/// A product of one shape, made once and called often, from any thread. Reads nothing but the elements of A and B.
class TileProduct {
 public:
  TileProduct() = default;
  /// May compile code: a fraction of a millisecond.
  explicit TileProduct(const ProductShape& shape);
  void operator()(const float* a, const float* b, float* c) const;

 private:
  using Code = void (*)(const float* a, const float* b, float* c);
  ProductShape shape_;
  Code code_ = nullptr;
};

/// For `doctor`: the library and the instruction set of its products.
std::string describe_tile_products();

}  // namespace ringfold
