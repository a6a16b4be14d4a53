// Every strategy x kernel x ugly shape is executed on real ranks and judged by the criterion; the plan's bytes and
// memory are those seen at the transport and by the allocator.
#include "lib/cost.h"
#include "lib/kernel.h"
#include "tests/catch.h"
#include "tests/conformance/harness.h"

namespace ringfold {
namespace {

constexpr double kWholeReference = 1e9;  // seconds: every row is checked

Problem shaped(std::vector<Sequence> sequences, Heads heads, DType dtype = DType::fp32,
               MaskKind mask = MaskKind::causal) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = heads;
  problem.dtype = dtype;
  problem.mask.kind = mask;
  return problem;
}

/// The inputs and the judge of one problem, shared by all its executions.
struct Trial {
  Problem problem;
  GeneratedInputs inputs;
  Judge judge;

  explicit Trial(const Problem& problem_, InputKind kind = InputKind::gauss)
      : problem(problem_), inputs(problem_, kind, 3), judge(inputs, kWholeReference, {}) {
    judge.prepare(query_set(problem), {0, problem.heads.query});
  }

  void run_and_check(const Variant& variant, const Cluster& cluster, const Execution& execution) {
    const Schedule schedule = proved_plan(variant, problem, cluster);
    if (schedule.ranks.empty()) return;
    const Outcome outcome = run(schedule, inputs, judge, execution);
    const Cost cost = cost_of(schedule);
    CHECK(outcome.failure == "");
    CHECK(outcome.sent_bytes == cost.sent_bytes);
    CHECK(outcome.peak_bytes == cost.peak_bytes);
  }
};

TEST_CASE("all lengths from 0 to 33 on 1 to 9 ranks") {
  for (int64_t tokens = 0; tokens <= 33; ++tokens) {
    Trial trial(shaped({{tokens, 0}}, {9, 3, 8}));
    for (const Variant& variant : all_variants()) {
      for (int ranks = 1; ranks <= 9; ++ranks) {
        INFO(variant.text() << ", " << tokens << " tokens, " << ranks << " ranks");
        trial.run_and_check(variant, {ranks, 1}, {});
      }
    }
  }
}

TEST_CASE("ugly shapes, every dtype, mask, placement, kernel and grid") {
  std::vector<Problem> problems{
      shaped({{70, 0}}, {28, 7, 16}),
      shaped({{33, 129}, {0, 7}, {1, 64}, {0, 0}, {130, 0}}, {6, 2, 33}),
      shaped({{1, 0}, {1, 300}, {1, 5}, {1, 1}}, {8, 1, 64}),
      shaped({{3, 500}}, {5, 5, 1}),
  };
  size_t turn = 0;  // walks through the other dimensions, so that each shape meets every value of each
  for (const Problem& shape : problems) {
    for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
      for (const MaskKind mask : {MaskKind::causal, MaskKind::full}) {
        Problem problem = shape;
        problem.dtype = dtype;
        problem.mask.kind = mask;
        const auto kind = static_cast<InputKind>(turn % 4);
        problem.placement = static_cast<PlacementKind>((turn / 2 + turn / 8) % 4);
        Trial trial(problem, kind);
        for (const Variant& variant : all_variants()) {
          for (const Cluster cluster : {Cluster{1, 1}, Cluster{3, 1}, Cluster{2, 1}, Cluster{5, 1}}) {
            for (const std::string_view kernel : {"cpu_reference", "cpu_fast"}) {
              INFO(variant.text() << " sp " << cluster.sp << " dim " << problem.heads.dim << " "
                                  << to_string(problem.dtype) << " " << to_string(problem.mask) << " "
                                  << to_string(problem.placement) << " " << to_string(kind) << " " << kernel);
              Execution execution;
              execution.kernel = kernel;
              trial.run_and_check(variant, cluster, execution);
            }
          }
        }
        ++turn;
      }
    }
  }
}

TEST_CASE("tensor parallel groups run beside each other") {
  Trial trial(shaped({{50, 20}, {9, 0}}, {12, 3, 16}));
  for (const Variant& variant : all_variants()) {
    for (const Cluster cluster : {Cluster{2, 2}, Cluster{3, 3}, Cluster{2, 4}, Cluster{1, 12}}) {
      INFO(variant.text() << " sp " << cluster.sp << " tp " << cluster.tp);
      trial.run_and_check(variant, cluster, {});
    }
  }
}

TEST_CASE("NaN in every byte outside the inputs changes no bit") {
  for (const DType dtype : {DType::fp32, DType::bf16}) {
    Trial trial(shaped({{37, 70}, {0, 3}, {65, 0}}, {6, 2, 24}, dtype));
    for (const Variant& variant : all_variants()) {
      for (const std::string_view kernel : {"cpu_reference", "cpu_fast"}) {
        INFO(variant.text() << " " << kernel);
        const Schedule schedule = proved_plan(variant, trial.problem, {3, 1});
        Execution clean;
        clean.kernel = kernel;
        Execution poisoned = clean;
        poisoned.poison = true;
        const Outcome expected = run(schedule, trial.inputs, trial.judge, clean);
        CHECK(expected.failure == "");
        CHECK(run(schedule, trial.inputs, trial.judge, poisoned) == expected);
      }
    }
  }
}

}  // namespace
}  // namespace ringfold
