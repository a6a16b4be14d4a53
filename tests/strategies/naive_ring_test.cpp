#include "lib/shards.h"
#include "tests/catch.h"
#include "tests/strategies/plan_model.h"

namespace ringfold {
namespace {

Problem prefill(int64_t tokens, Heads heads) {
  Problem problem;
  problem.sequences = {{tokens, 0}};
  problem.heads = heads;
  return problem;
}

TEST_CASE("naive_ring attends every visible key once") {
  for (const Problem& problem : ugly_problems()) {
    for (const int ranks : {1, 2, 3, 4, 7}) {
      INFO(describe(problem, {ranks, 1}));
      CHECK(first_fault(plan_with("naive_ring", {}, problem, {ranks, 1})) == "");
    }
  }
}

TEST_CASE("naive_ring sends P - 1 shards: what stood on each rank before") {
  const Problem problem = prefill(1003, {8, 2, 16});
  for (int ranks = 1; ranks <= 64; ++ranks) {
    const Schedule schedule = plan_with("naive_ring", {}, problem, {ranks, 1});
    const std::vector<int64_t> sent = sent_bytes(schedule);
    for (int rank = 0; rank < ranks; ++rank) {
      const int64_t never_sent = kv_shard(problem, ranks, (rank + 1) % ranks).size();
      CHECK(sent[static_cast<size_t>(rank)] == (1003 - never_sent) * 2 * 2 * 16 * 4);
      CHECK(attends_of(schedule.ranks[static_cast<size_t>(rank)]) == rank + 1);
    }
  }
}

}  // namespace
}  // namespace ringfold
