// Projections of kernels on the host: generated inputs have one answer, to the bit.
#include "tests/kernels/projected_rows.h"

namespace ringfold::testing {
namespace {

void check_host(std::initializer_list<DType> dtypes, std::initializer_list<int64_t> dims) {
  for (const char* id : {"cpu_reference", "cpu_fast"}) check_projections(id, dtypes, dims);
}

TEST_CASE("kernels on the host project to the bit") { check_host({DType::bf16}, {33}); }

TEST_CASE("so they do in all dtypes and head dims", "[slow]") {
  check_host({DType::fp32, DType::bf16, DType::fp16}, {1, 33, 64, 128});
}

}  // namespace
}  // namespace ringfold::testing
