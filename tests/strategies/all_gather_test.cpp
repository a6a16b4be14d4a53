#include "lib/shards.h"
#include "tests/catch.h"
#include "tests/strategies/plan_model.h"

#include <algorithm>

namespace ringfold {
namespace {

TEST_CASE("all_gather attends every visible key once", "[slow]") {
  for (const Problem& problem : ugly_problems()) {
    for (const int ranks : {1, 2, 3, 4, 7}) {
      for (const char* layout : {"contiguous", "zigzag"}) {
        INFO(layout << ", " << describe(problem, {ranks, 1}));
        CHECK(first_fault(plan_with("all_gather", {{"layout", layout}}, problem, {ranks, 1})) == "");
      }
    }
  }
}

TEST_CASE("all_gather sends its shard to each other rank, and attends once for each range of its queries") {
  Problem problem;
  problem.sequences = {{1003, 0}};
  problem.heads = {8, 2, 16};
  for (int ranks = 1; ranks <= 64; ++ranks) {
    for (const bool zigzag : {false, true}) {
      const Schedule schedule =
          plan_with("all_gather", {{"layout", zigzag ? "zigzag" : "contiguous"}}, problem, {ranks, 1});
      const std::vector<int64_t> sent = sent_bytes(schedule);
      for (int rank = 0; rank < ranks; ++rank) {
        const int64_t tokens = (zigzag ? zigzag_kv : kv_shard)(problem, ranks, rank).size();
        CHECK(sent[static_cast<size_t>(rank)] == (ranks - 1) * tokens * 2 * 2 * 16 * 4);
        CHECK(attends_of(schedule.ranks[static_cast<size_t>(rank)]) == (zigzag ? 2 : 1));
      }
    }
  }
}

TEST_CASE("the zigzag layout balances a causal mask") {
  Problem problem;
  problem.sequences = {{1024, 0}};
  problem.heads = {2, 2, 8};
  std::vector<int64_t> work;
  for (const Program& program : plan_with("all_gather", {{"layout", "zigzag"}}, problem, {8, 1}).ranks) {
    work.push_back(0);
    for (const Operation& operation : program.operations) {
      if (const auto* attend = std::get_if<Attend>(&operation)) work.back() += work_of(*attend);
    }
  }
  CHECK(*std::min_element(work.begin(), work.end()) == *std::max_element(work.begin(), work.end()));
}

}  // namespace
}  // namespace ringfold
