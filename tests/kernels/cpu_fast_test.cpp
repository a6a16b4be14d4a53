#include "kernels/cpu_fast.h"

#include "tests/catch.h"
#include "tests/kernels/attend_case.h"

using namespace ringfold;
using namespace ringfold::testing;

TEST_CASE("cpu_fast: ragged batches, grouped heads, any pieces") {
  const Mask mask = GENERATE(Mask{MaskKind::causal, 0}, Mask{MaskKind::full, 0}, Mask{MaskKind::window, 4});
  const DType dtype = GENERATE(DType::fp32, DType::bf16, DType::fp16);
  AttendCase input;
  input.heads = {6, 2, 5};
  input.mask = mask;
  input.dtype = dtype;
  input.queries = TokenSet({{0, 3, 9}, {1, 0, 4}, {2, 5, 6}});
  input.query_heads = {1, 5};
  input.kv = {TokenSet({{0, 4, 9}, {1, 2, 4}}), TokenSet({{0, 0, 4}, {1, 0, 1}, {7, 0, 2}})};
  input.padding = 2;
  INFO(describe(input));
  const AttendResult once = attend("cpu_fast", input);
  CHECK(once.poison_intact);
  CHECK(worst_ratio(input, once, 1) < 0.5);
  const AttendResult folded = attend("cpu_fast", input, Plan::folded);
  CHECK(worst_ratio(input, folded, 2) < 0.5);
}
