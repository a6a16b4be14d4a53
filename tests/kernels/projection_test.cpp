// Projections of kernels on the host: generated inputs have one answer, to the bit.
#include "tests/kernels/projected_rows.h"

namespace ringfold::testing {
namespace {

TEST_CASE("kernels on the host project to the bit") {
  for (const char* id : {"cpu_reference", "cpu_fast"}) {
    check_projections(id, {DType::fp32, DType::bf16, DType::fp16}, {1, 33, 64, 128});
  }
}

}  // namespace
}  // namespace ringfold::testing
