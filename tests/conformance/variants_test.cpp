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

TEST_CASE("every strategy keeps to the criterion under every variant") {
  const std::vector<Problem> shapes{shaped({{70, 0}}, {12, 3, 16}),
                                    shaped({{33, 50}, {0, 7}, {1, 64}, {40, 0}}, {6, 2, 34})};
  size_t turn = 0;
  for (const Problem& shape : shapes) {
    for (int variant = 0; variant < 15; ++variant, ++turn) {
      const Problem problem = varied(shape, turn);
      const GeneratedInputs inputs(problem, static_cast<InputKind>(turn % 4), 3);
      Judge judge(inputs, 1e9, {});
      judge.prepare(query_set(problem), {0, problem.heads.query});
      for (const Variant& strategy : all_variants()) {
        for (const Cluster cluster : {Cluster{1, 1}, Cluster{4, 1}, Cluster{3, 2}}) {
          for (const std::string_view kernel : {"cpu_reference", "cpu_fast"}) {
            INFO(strategy.text() << " sp " << cluster.sp << " tp " << cluster.tp << " " << to_string(problem.mask)
                                 << variants_text(problem) << " " << to_string(problem.dtype) << " "
                                 << to_string(problem.placement) << " " << to_string(*inputs.kind()) << " " << kernel);
            const Schedule schedule = proved_plan(strategy, problem, cluster);
            if (schedule.ranks.empty()) continue;
            Execution execution;
            execution.kernel = kernel;
            execution.poison = true;
            const Outcome outcome = run(schedule, inputs, judge, execution);
            CHECK(outcome.failure == "");
            CHECK(outcome.sent_bytes == cost_of(schedule).sent_bytes);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ringfold
