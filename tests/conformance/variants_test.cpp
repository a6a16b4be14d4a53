// Windows, softcaps and rotary embeddings under every strategy, kernel, placement and grid of ranks.
#include "lib/cost.h"
#include "lib/kernel.h"
#include "tests/catch.h"
#include "tests/conformance/harness.h"

namespace ringfold {
namespace {

Problem shaped(std::vector<Sequence> sequences, Heads heads) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = heads;
  return problem;
}

/// Number `turn` of the variants: every mask with and without cap and rotation, dtypes and placements in turn.
Problem varied(Problem problem, size_t turn) {
  const Mask masks[] = {
      {MaskKind::window, 1}, {MaskKind::window, 9}, {}, {MaskKind::window, 1000}, {MaskKind::full, 0}};
  problem.mask = masks[turn % 5];
  problem.dtype = static_cast<DType>(turn % 3);
  problem.placement = static_cast<PlacementKind>((turn + turn / 4) % 4);
  if (turn % 2 == 0) problem.softcap = turn % 4 == 0 ? 50.0 : 2.0;
  if (turn % 3 != 1) problem.rope = Rope{turn % 3 == 0 ? 10000.0 : 50.0, static_cast<RopeStyle>(turn / 3 % 2)};
  return problem;
}

/// Runs every strategy on every kernel and a few grids of ranks.
void check_everywhere(const Problem& problem, InputKind kind) {
  const GeneratedInputs inputs(problem, kind, 3);
  Judge judge(inputs, 1e9, {});
  judge.prepare(query_set(problem), {0, problem.heads.query});
  for (const Variant& strategy : all_variants()) {
    for (const Cluster cluster : {Cluster{1, 1}, Cluster{4, 1}, Cluster{3, 2}}) {
      const Schedule schedule = proved_plan(strategy, problem, cluster);
      if (schedule.ranks.empty()) continue;
      for (const std::string_view kernel : {"cpu_reference", "cpu_fast"}) {
        INFO(strategy.text() << " sp " << cluster.sp << " tp " << cluster.tp << " " << to_string(problem.mask)
                             << variants_text(problem) << " " << to_string(problem.dtype) << " "
                             << to_string(problem.placement) << " " << to_string(kind) << " " << kernel);
        Execution execution;
        execution.kernel = kernel;
        execution.poison = true;
        const Outcome outcome = run(schedule, inputs, judge, execution);
        CHECK(outcome.failure == "");
        CHECK(outcome.sent_bytes == cost_of(schedule).sent_bytes);
        CHECK(outcome.peak_bytes == cost_of(schedule).peak_bytes);
      }
    }
  }
}

std::vector<Problem> shapes() {
  return {shaped({{70, 0}}, {12, 3, 16}), shaped({{33, 50}, {0, 7}, {1, 64}, {40, 0}}, {6, 2, 34})};
}

TEST_CASE("every strategy keeps to the criterion under every variant") {
  size_t turn = 0;
  for (const Problem& shape : shapes()) {
    for (int variant = 0; variant < 15; ++variant, ++turn) {
      check_everywhere(varied(shape, turn), static_cast<InputKind>(turn % 4));
    }
  }
}

TEST_CASE("so it does with K and V in pages of any size") {
  size_t turn = 0;
  for (const Problem& shape : shapes()) {
    for (const int64_t page_size : {1, 7, 16, 64}) {
      for (int variant = 0; variant < 3; ++variant, turn += 4) {
        Problem problem = varied(shape, turn);
        problem.page_size = page_size;
        check_everywhere(problem, static_cast<InputKind>(turn / 4 % 4));
      }
    }
  }
}

TEST_CASE("pages change no bit") {
  Problem problem = shapes()[1];
  problem.mask = {MaskKind::window, 30};
  const GeneratedInputs inputs(problem, InputKind::gauss, 3);
  Judge judge(inputs, 1e9, {});
  judge.prepare(query_set(problem), {0, problem.heads.query});
  for (const Variant& strategy : all_variants()) {
    problem.page_size.reset();
    const Outcome contiguous = run(proved_plan(strategy, problem, {3, 1}), inputs, judge, {});
    problem.page_size = 7;
    const Outcome paged = run(proved_plan(strategy, problem, {3, 1}), inputs, judge, {});
    INFO(strategy.text());
    CHECK(contiguous.failure == "");
    CHECK(paged.out == contiguous.out);
    CHECK(paged.lse == contiguous.lse);
  }
}

}  // namespace
}  // namespace ringfold
