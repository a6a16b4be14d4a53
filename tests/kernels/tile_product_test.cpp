#include "kernels/tile_product.h"

#include "tests/catch.h"

#include <cmath>
#include <limits>
#include <vector>

using namespace ringfold;

namespace {

// A matrix that starts where its memory starts and ends where it ends; NaN between its columns.
struct Matrix {
  std::vector<float> memory;
  int stride;
  Matrix(int rows, int columns, int leading)
      : memory(static_cast<size_t>(leading) * static_cast<size_t>(columns - 1) + static_cast<size_t>(rows),
               std::numeric_limits<float>::quiet_NaN()),
        stride(leading) {}
  float& at(int i, int j) { return memory[static_cast<size_t>(i + j * stride)]; }
};

}  // namespace

TEST_CASE("tile products agree with their definition and read nothing else") {
  for (const int m : {1, 3, 16, 32}) {
    for (const int n : {1, 5, 16, 40}) {
      for (const int k : {1, 2, 15, 64, 129}) {
        const ProductShape shape{m, n, k, m + 3, k + 1, m + 2};
        Matrix a(m, k, shape.lda), b(k, n, shape.ldb), c(m, n, shape.ldc);
        // Small integers: every order of summation gives the same.
        for (int l = 0; l < k; ++l) {
          for (int i = 0; i < m; ++i) a.at(i, l) = static_cast<float>((i * 3 + l * 5) % 7 - 3);
          for (int j = 0; j < n; ++j) b.at(l, j) = static_cast<float>((j * 2 + l * 3) % 5 - 2);
        }
        const TileProduct product(shape);
        product(a.memory.data(), b.memory.data(), c.memory.data());
        for (int j = 0; j < n; ++j) {
          for (int i = 0; i < m; ++i) {
            float wanted = 0.0f;
            for (int l = 0; l < k; ++l) wanted += a.at(i, l) * b.at(l, j);
            INFO(m << " " << n << " " << k << " at " << i << " " << j);
            REQUIRE(c.at(i, j) == wanted);
          }
          if (j + 1 < n) REQUIRE(std::isnan(c.memory[static_cast<size_t>(j * shape.ldc + m)]));
        }
      }
    }
  }
}

TEST_CASE("the library behind the products is named") { CHECK(describe_tile_products().find("products by") == 0); }
