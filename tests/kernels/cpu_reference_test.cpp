#include "tests/catch.h"
#include "tests/kernels/attend_case.h"
#include "tests/kernels/judged_run.h"

using namespace ringfold;
using namespace ringfold::testing;

TEST_CASE("cpu_reference: ragged batches, grouped heads, any pieces") {
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
  const AttendResult once = attend("cpu_reference", input);
  CHECK(once.poison_intact);
  CHECK(worst_ratio(input, once, 1) < 0.5);
  const AttendResult folded = attend("cpu_reference", input, Plan::folded);
  CHECK(worst_ratio(input, folded, 2) < 0.5);
}

TEST_CASE("cpu_reference passes the criterion where all rows are nearly the same, or one key takes all") {
  const double scale = GENERATE(1e-6, 0.01, 0.3, 1e6);
  Problem problem;
  problem.sequences = {{200, 0}};
  problem.heads = {16, 4, 3};
  problem.mask = {MaskKind::full, 0};
  problem.dtype = DType::bf16;
  problem.scale = scale;
  if (scale > 1) problem.softcap = scale;
  const GeneratedInputs inputs(problem, InputKind::gauss, 0);
  Judge judge(inputs, 1e9, {});
  judge.prepare(query_set(problem), {0, problem.heads.query});
  const auto kernel = find_kernel("cpu_reference")->make({});
  const JudgedRun run = run_kernel(*kernel, inputs, 1, Folding::in_kernel);
  INFO("scale " << scale);
  CHECK(judge.failure_of(judge.judge(run.rows, run.how, 0)) == "");
}
