// Projections by cuBLASLt, through host memory; skipped without a GPU or the library.
#include "kernels/cublas_lt.h"
#include "tests/kernels/projected_rows.h"
#include "tests/skip.h"

namespace ringfold::testing {
namespace {

TEST_CASE("kernels on a GPU project to the bit") {
  if (const auto reason = cublas_lt_missing()) return skip_test(*reason);
  for (const char* id : {"cudnn", "flashinfer"}) {
    check_projections(id, {DType::bf16, DType::fp16}, {64, 128});
  }
}

TEST_CASE("heads that stand at odd places are projected, too") {
  if (const auto reason = cublas_lt_missing()) return skip_test(*reason);
  for (const char* id : {"cudnn", "flashinfer"}) check_projections(id, {DType::bf16}, {1, 33, 80});
}

}  // namespace
}  // namespace ringfold::testing
