// Products compiled at run time for one shape each by libxsmm, called serially: threads are ours.
#include "kernels/tile_product.h"
#include "kernels/tile_product_loops.h"
#include "lib/error.h"

#include <libxsmm.h>

namespace ringfold {

namespace {

// libxsmm initialises itself at the first call, but not two threads at once.
void initialise() {
  static const bool done = [] {
    libxsmm_init();
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace

TileProduct::TileProduct(const ProductShape& shape) : shape_(shape) {
  initialise();
  const float one = 1.0f;
  const float zero = 0.0f;
  const int no_flags = LIBXSMM_GEMM_FLAG_NONE;
  const int no_prefetch = LIBXSMM_PREFETCH_NONE;
  const libxsmm_smmfunction code = libxsmm_smmdispatch(shape.m, shape.n, shape.k, &shape.lda, &shape.ldb, &shape.ldc,
                                                       &one, &zero, &no_flags, &no_prefetch);
  // The function is variadic in C only: it takes further arguments when it prefetches.
  code_ = reinterpret_cast<Code>(reinterpret_cast<void (*)()>(code));
}

void TileProduct::operator()(const float* a, const float* b, float* c) const {
  if (code_) {
    code_(a, b, c);
  } else {
    multiply_by_loops(shape_, a, b, c);
  }
}

std::string describe_tile_products() {
  initialise();
  const bool compiles = libxsmm_get_target_archid() >= LIBXSMM_X86_GENERIC;
  return fmt::format("products by libxsmm {} for {}{}", LIBXSMM_VERSION, libxsmm_get_target_arch(),
                     compiles ? "" : ", which it cannot compile for: plain loops");
}

}  // namespace ringfold
