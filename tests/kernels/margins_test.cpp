// Every kernel against the numeric criterion; tests/bench/bench_margins.cpp measures the margins.
#include "tests/catch.h"
#include "tests/kernels/judged_run.h"
#include "tests/staged_kernel.h"

namespace ringfold::testing {
namespace {

constexpr InputKind kKinds[] = {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle};
constexpr DType kDtypes[] = {DType::fp32, DType::bf16, DType::fp16};
constexpr double kEveryRow = 1e9;  // seconds

struct Prepared {
  GeneratedInputs inputs;
  Judge judge;
  Prepared(const Problem& problem, InputKind kind, uint64_t seed = 3)
      : inputs(problem, kind, seed), judge(inputs, kEveryRow, {}) {
    judge.prepare(query_set(problem), {0, problem.heads.query});
  }
};

bool refuses(const KernelInfo& info, const Problem& problem) {
  const auto kernel = info.make({});
  return kernel->capabilities().refuses(problem).has_value();
}

void check(const Judge& judge, const Figures& figures) {
  constexpr double kCalibrated = 0.87;  // no correct row came closer to its bound when the bounds were calibrated
  CHECK(judge.failure_of(figures) == "");
  CHECK(figures.output.ratio() < kCalibrated);
  CHECK(figures.lse.ratio() < kCalibrated);
  CHECK(worst_rms(figures).rms < kCalibrated);
}

TEST_CASE("every kernel keeps within the bounds on every input, dtype and number of shards") {
  for (DType dtype : kDtypes) {
    Problem problem;
    problem.sequences = {{150, 0}, {20, 70}, {1, 0}};
    problem.heads = {4, 2, 32};
    problem.dtype = dtype;
    for (InputKind kind : kKinds) {
      const Prepared prepared(problem, kind);
      for (int64_t shards : {1, 4, 16}) {
        for (const KernelInfo& info : kernel_table()) {
          if (info.unavailable() || refuses(info, problem)) continue;
          for (Folding folding : {Folding::in_kernel, Folding::merged}) {
            INFO(info.id << (folding == Folding::merged ? ", merged, " : ", folded, ") << to_string(kind) << ", "
                         << to_string(dtype) << ", P " << shards);
            const auto kernel = make_on_host(info);
            if (shards > 1 && !kernel->capabilities().folds) continue;
            const JudgedRun run = run_kernel(*kernel, prepared.inputs, shards, folding);
            check(prepared.judge, prepared.judge.judge(run.rows, run.how, 0));
          }
        }
      }
    }
  }
}

// With few channels all of a row's may cancel at once: O is far smaller than what was added up to make it.
TEST_CASE("rows of few channels, whose values cancel, keep within the bounds") {
  for (int64_t dim : {1, 3}) {
    Problem problem;
    problem.sequences = {{600, 0}, {40, 200}};
    problem.heads = {4, 2, dim};
    for (uint64_t seed : {1, 2, 3, 4}) {
      const Prepared prepared(problem, InputKind::gauss, seed);
      for (const KernelInfo& info : kernel_table()) {
        if (info.unavailable() || refuses(info, problem)) continue;
        for (int64_t shards : {1, 4}) {
          INFO(info.id << ", dim " << dim << ", seed " << seed << ", P " << shards);
          const auto kernel = make_on_host(info);
          if (shards > 1 && !kernel->capabilities().folds) continue;
          const JudgedRun run = run_kernel(*kernel, prepared.inputs, shards, Folding::in_kernel);
          check(prepared.judge, prepared.judge.judge(run.rows, run.how, 0));
        }
      }
    }
  }
}

}  // namespace
}  // namespace ringfold::testing
