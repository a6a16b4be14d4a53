// What has gone wrong in serving engines, silently each time: every strategy is run on the smallest problems that show
// it.
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/conformance/harness.h"

namespace ringfold {
namespace {

Problem shaped(std::vector<Sequence> sequences, Heads heads = {8, 4, 8}) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = heads;
  return problem;
}

/// What the checker or the criterion has against it; nothing where the strategy does not take the problem.
std::string failure_of(const Variant& variant, const Problem& problem, const Cluster& cluster, const Judge& judge,
                       const InputSource& inputs) try {
  const Schedule schedule = proved_plan(variant, problem, cluster);
  return schedule.ranks.empty() ? "" : run(schedule, inputs, judge, {}).failure;
} catch (const Error& error) {
  return error.what();
}

/// `count` shows keys that are lost, added or counted twice, `gauss` those that are taken for others.
void check_everywhere(const Problem& problem, const std::vector<Cluster>& clusters) {
  for (const InputKind kind : {InputKind::gauss, InputKind::count}) {
    const GeneratedInputs inputs(problem, kind, 3);
    Judge judge(inputs, 1e9, {});
    judge.prepare(query_set(problem), {0, problem.heads.query});
    for (const Variant& variant : all_variants()) {
      for (const Cluster cluster : clusters) {
        INFO(variant.text() << " sp " << cluster.sp << " tp " << cluster.tp << " " << to_string(kind));
        CHECK(failure_of(variant, problem, cluster, judge, inputs) == "");
      }
    }
  }
}

const std::vector<Cluster> kSmall = {{2, 1}, {3, 1}, {4, 1}};

TEST_CASE("7 tokens are not treated as 6") {
  check_everywhere(shaped({{7, 0}}), kSmall);
  check_everywhere(shaped({{7, 7}}), kSmall);
}

TEST_CASE("5 tokens on 4 ranks leave no shard negative, nor do 5 cached ones") {
  check_everywhere(shaped({{5, 0}}), {{4, 1}});
  check_everywhere(shaped({{1, 5}}), {{4, 1}});
}

TEST_CASE("28 query heads on 7 kv heads, and fewer kv heads than ranks, over sp and tp") {
  const std::vector<Cluster> clusters = {{4, 1}, {2, 4}, {3, 2}};
  check_everywhere(shaped({{9, 4}}, {28, 7, 8}), clusters);
  check_everywhere(shaped({{9, 4}}, {8, 1, 8}), clusters);
  check_everywhere(shaped({{9, 4}}, {8, 2, 8}), clusters);
}

TEST_CASE("sequences of a batch have prefixes of their own") {
  check_everywhere(shaped({{3, 10}, {6, 0}, {5, 33}, {0, 4}, {1, 1}}), kSmall);
}

TEST_CASE("odd pages, and last pages that are part-filled, mix no tokens up") {
  for (const int64_t page_size : {1, 5, 7, 16}) {
    Problem problem = shaped({{20, 33}, {3, 0}, {4, 9}});
    problem.page_size = page_size;
    check_everywhere(problem, kSmall);
  }
}

TEST_CASE("a window is not ignored, whatever shards it reaches over") {
  for (const int64_t window : {1, 4, 20}) {
    Problem problem = shaped({{40, 9}, {3, 30}});
    problem.mask = {MaskKind::window, window};
    check_everywhere(problem, kSmall);
  }
}

TEST_CASE("positions are those of the whole in every sharded layout") {
  for (const PlacementKind placement :
       {PlacementKind::native, PlacementKind::tokens, PlacementKind::zigzag, PlacementKind::heads}) {
    Problem problem = shaped({{40, 9}, {3, 30}});
    problem.rope = Rope{};
    problem.placement = placement;
    check_everywhere(problem, kSmall);
  }
}

}  // namespace
}  // namespace ringfold
