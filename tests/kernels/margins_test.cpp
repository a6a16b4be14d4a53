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
  const Capabilities can = kernel->capabilities();
  return missing_variant(can, problem) || (can.refuses && can.refuses(problem));
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

TEST_CASE("capped logits, rotated rows and windows keep within the bounds") {
  for (DType dtype : kDtypes) {
    for (const double softcap : {1.0, 20.0, 1000.0}) {
      Problem problem;
      problem.sequences = {{150, 0}, {20, 70}, {1, 0}};
      problem.heads = {4, 2, 32};
      problem.dtype = dtype;
      problem.softcap = softcap;
      if (softcap == 20) problem.rope = Rope{10000, RopeStyle::interleaved};
      if (softcap == 1000) problem.mask = {MaskKind::window, 37};
      for (InputKind kind : kKinds) {
        const Prepared prepared(problem, kind);
        for (const KernelInfo& info : kernel_table()) {
          if (info.unavailable() || refuses(info, problem)) continue;
          const auto kernel = make_on_host(info);
          for (int64_t shards : {1, 4}) {
            if (shards > 1 && !kernel->capabilities().folds) continue;
            INFO(info.id << ", softcap " << softcap << ", " << to_string(kind) << ", " << to_string(dtype) << ", P "
                         << shards);
            const JudgedRun run = run_kernel(*kernel, prepared.inputs, shards, Folding::in_kernel);
            check(prepared.judge, prepared.judge.judge(run.rows, run.how, 0));
          }
        }
      }
    }
  }
}

/// cpu_fast, but rows are turned by where they lie in the rank's memory: a layout that has lost its positions.
class LocalRotation final : public Kernel {
 public:
  Capabilities capabilities() const override { return kernel_->capabilities(); }
  Device& device() override { return kernel_->device(); }
  void attend(Queue& queue, const AttendTask& task) override { kernel_->attend(queue, task); }
  void merge(Queue& queue, const MergeTask& task) override { kernel_->merge(queue, task); }
  void finish(Queue& queue, const FinishTask& task) override { kernel_->finish(queue, task); }
  void copy(Queue& queue, const CopyTask& task) override { kernel_->copy(queue, task); }
  void rotate(Queue& queue, const RotateTask& task) override {
    RotateTask local = task;
    for (Tensor* tensor : {&local.from, &local.to}) {
      for (Segment& segment : tensor->segments) {
        segment = {segment.sequence, segment.row, segment.row + segment.end - segment.begin, segment.row};
      }
    }
    kernel_->rotate(queue, local);
  }

 private:
  std::unique_ptr<Kernel> kernel_ = find_kernel("cpu_fast")->make({});
};

TEST_CASE("a softcap that is left out, and rows turned by where they lie, fail") {
  Problem problem;
  problem.sequences = {{90, 40}};
  problem.heads = {2, 1, 32};
  const auto kernel = find_kernel("cpu_fast")->make({});
  const auto failure = [&](const Problem& asked, const Problem& done, Kernel& by, int64_t shards = 2) {
    const Prepared prepared(asked, InputKind::gauss);
    const GeneratedInputs inputs(done, InputKind::gauss, 3);
    const JudgedRun run = run_kernel(by, inputs, shards, Folding::in_kernel);
    return prepared.judge.failure_of(prepared.judge.judge(run.rows, run.how, 0));
  };
  Problem capped = problem;
  capped.softcap = 5;
  CHECK(failure(capped, capped, *kernel) == "");
  CHECK(failure(capped, problem, *kernel) != "");
  Problem rotated = problem;
  rotated.rope = Rope{};
  CHECK(failure(rotated, rotated, *kernel) == "");
  CHECK(failure(rotated, problem, *kernel) != "");
  Problem other_style = rotated;
  other_style.rope->style = RopeStyle::interleaved;
  CHECK(failure(rotated, other_style, *kernel) != "");
  LocalRotation local;
  CHECK(failure(rotated, rotated, local) != "");
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
