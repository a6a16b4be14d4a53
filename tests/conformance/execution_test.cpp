// Every strategy x kernel x ugly shape is executed on real ranks and judged by the criterion; the plan's bytes and
// memory are those seen at the transport and by the allocator.
#include "lib/cost.h"
#include "lib/delaying_transport.h"
#include "lib/kernel.h"
#include "lib/random_draws.h"
#include "tests/catch.h"
#include "tests/conformance/harness.h"

#include <chrono>
#include <initializer_list>

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

  void run_and_check(const Variant& variant, const Cluster& cluster, const Execution& execution,
                     const AssumedRates& rates = {}) {
    const Schedule schedule = proved_plan(variant, problem, cluster, rates);
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

TEST_CASE("plans for devices compute the same on a host, attends and finishes at once, exchanges late") {
  RandomDraws draws(1);
  const auto any = [&](std::initializer_list<int64_t> values) { return values.begin()[draws.below(values.size())]; };
  for (uint64_t round = 0; round < 24; ++round) {
    std::vector<Sequence> sequences;
    for (int64_t left = any({1, 1, 2, 4}); left > 0; --left) {
      sequences.push_back({any({0, 1, 5, 32, 64, 130}), any({0, 0, 3, 64})});
    }
    const int64_t kv = any({1, 2, 3, 4, 6});
    Problem problem =
        shaped(std::move(sequences), {kv * any({1, 2, 3}), kv, any({8, 16, 32, 33})},
               any({0, 1}) == 0 ? DType::fp32 : DType::bf16, any({0, 1}) == 0 ? MaskKind::causal : MaskKind::full);
    problem.placement = static_cast<PlacementKind>(any({0, 0, 1, 2, 3}));
    Trial trial(problem);
    Execution execution;
    execution.poison = true;
    execution.finishes = true;
    execution.wrap = [&](RankContext& context) {
      return std::make_unique<DelayingTransport>(context.transport, round * 64 + static_cast<uint64_t>(context.rank),
                                                 std::chrono::microseconds(200));
    };
    for (const Variant& variant : all_variants()) {
      const Cluster cluster{static_cast<int>(any({1, 2, 3, 4, 5})), static_cast<int>(any({1, 1, 2, 3}))};
      for (const bool merges : {false, true}) {
        INFO(variant.text() << " sp " << cluster.sp << " tp " << cluster.tp << ", " << to_string(problem.placement)
                            << ", round " << round << (merges ? ", merges" : ""));
        trial.run_and_check(variant, cluster, execution, {6e14, 2.5e12, 8e-6, 3e11, 12e-6, merges});
      }
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
