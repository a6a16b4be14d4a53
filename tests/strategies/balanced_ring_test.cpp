#include "lib/shards.h"
#include "lib/strategy.h"
#include "tests/catch.h"
#include "tests/strategies/plan_model.h"

#include <algorithm>
#include <map>

namespace ringfold {
namespace {

TEST_CASE("balanced_ring attends every visible key once", "[slow]") {
  for (const Problem& problem : ugly_problems()) {
    for (const int ranks : {1, 2, 3, 4, 7}) {
      if (problem.heads.query < ranks) continue;
      for (const char* heads : {"contiguous", "within_groups"}) {
        INFO(heads << ", " << describe(problem, {ranks, 1}));
        CHECK(first_fault(plan_with("balanced_ring", {{"heads", heads}}, problem, {ranks, 1})) == "");
      }
    }
  }
}

TEST_CASE("balanced_ring: 5 tokens on 4 ranks leave no shard negative") {
  Problem problem;
  problem.sequences = {{5, 0}};
  problem.heads = {4, 2, 8};
  CHECK(first_fault(plan_with("balanced_ring", {}, problem, {4, 1})) == "");
}

TEST_CASE("balanced_ring refuses more ranks than query heads") {
  Problem problem;
  problem.sequences = {{64, 0}};
  problem.heads = {4, 2, 8};
  const StrategyInfo* info = find_strategy("balanced_ring");
  const auto reason = info->make({{"heads", "contiguous"}})->supports(problem, {5, {0, 4}});
  REQUIRE(reason);
  CHECK(*reason == "cluster.sp: 5 ranks share 4 query heads (problem.heads.query / cluster.tp); each needs one");
}

TEST_CASE("balanced_ring sends each rank the kv heads that it reads", "[slow]") {
  for (const Heads heads : {Heads{64, 8, 16}, Heads{64, 64, 16}, Heads{28, 7, 16}, Heads{64, 1, 16}}) {
    for (int ranks = 1; ranks <= std::min<int64_t>(64, heads.query); ++ranks) {
      Problem problem;
      problem.sequences = {{1003, 0}};
      problem.heads = heads;
      const std::vector<int64_t> sent = sent_bytes(plan_with("balanced_ring", {}, problem, {ranks, 1}));
      int64_t read = 0;
      std::vector<int64_t> read_by;
      for (int rank = 0; rank < ranks; ++rank) {
        read_by.push_back(kv_heads_of(problem, head_part({0, heads.query}, ranks, rank)).size());
        read += read_by.back();
      }
      for (int rank = 0; rank < ranks; ++rank) {
        const int64_t shard = kv_shard(problem, ranks, rank).size();
        const auto r = static_cast<size_t>(rank);
        CHECK(sent[r] == shard * 2 * 16 * 4 * (read - read_by[r]));
        if (heads.kv % ranks == 0) CHECK(sent[r] == (ranks - 1) * shard * 2 * heads.kv * 16 * 4 / ranks);
      }
    }
  }
}

TEST_CASE("balanced_ring within groups sends every kv head when the slices are whole") {
  Problem problem;
  problem.sequences = {{1003, 0}};
  problem.heads = {64, 8, 16};
  for (const int ranks : {2, 4, 8}) {
    const std::vector<int64_t> sent =
        sent_bytes(plan_with("balanced_ring", {{"heads", "within_groups"}}, problem, {ranks, 1}));
    for (int rank = 0; rank < ranks; ++rank) {
      CHECK(sent[static_cast<size_t>(rank)] == (ranks - 1) * kv_shard(problem, ranks, rank).size() * 2 * 8 * 16 * 4);
    }
  }
}

TEST_CASE("balanced_ring is fused: a diagonal and at most two rectangles an iteration", "[slow]") {
  Problem problem;
  problem.sequences = {{1024, 0}};
  problem.heads = {64, 64, 8};
  for (int ranks = 1; ranks <= 64; ++ranks) {
    const Schedule schedule = plan_with("balanced_ring", {}, problem, {ranks, 1});
    for (int rank = 0; rank < ranks; ++rank) {
      CHECK(attends_of(schedule.ranks[static_cast<size_t>(rank)]) == 2 * ranks - 1 + std::max(0, ranks - 2 - rank));
    }
  }
}

TEST_CASE("balanced_ring under a full mask, and by slices, stays at three attends an iteration", "[slow]") {
  Problem problem;
  problem.heads = {16, 4, 8};
  for (const int64_t cached : {0, 40}) {
    problem.sequences = {{160, cached}};
    for (const int ranks : {2, 3, 8}) {
      for (const MaskKind mask : {MaskKind::causal, MaskKind::full}) {
        problem.mask = {mask, 0};
        for (const char* heads : {"contiguous", "within_groups"}) {
          INFO(heads << ", " << describe(problem, {ranks, 1}));
          for (const Program& program : plan_with("balanced_ring", {{"heads", heads}}, problem, {ranks, 1}).ranks) {
            const auto slices = static_cast<int64_t>(program.outputs.size()) / 2;
            CHECK(attends_of(program) <= slices * (1 + 3 * (ranks - 1) + (cached > 0 ? 1 : 0)));
          }
        }
      }
    }
  }
}

TEST_CASE("balanced_ring has the same work on all ranks in each iteration") {
  Problem problem;
  problem.heads = {8, 8, 8};
  for (const int64_t cached : {0, 64}) {
    problem.sequences = {{128, cached}};
    std::vector<std::vector<int64_t>> work;  // [rank][iteration]
    const Schedule schedule = plan_with("balanced_ring", {}, problem, {8, 1});
    for (size_t rank = 0; rank < 8; ++rank) {
      const Program& program = schedule.ranks[rank];
      std::vector<int64_t> iterations(8);
      std::vector<int> attends(8);
      std::map<BlockId, size_t> arrival;  // the iteration that a received block is for
      size_t exchanges = 0;
      for (const Operation& operation : program.operations) {
        if (const auto* exchange = std::get_if<Exchange>(&operation)) {
          ++exchanges;
          for (const Receive& receive : exchange->receives) arrival[receive.block] = exchanges;
        } else if (const auto* attend = std::get_if<Attend>(&operation)) {
          // That of the newest shard of its keys and, if they are of one shard and see new keys, of its queries.
          size_t iteration = 0;
          const bool sees_new = attend->kv.back().tokens.ranges().back().end > cached;
          for (size_t shard = 0; sees_new && shard < 8; ++shard) {
            if (query_chunk(problem, 8, static_cast<int64_t>(shard)) == attend->q.tokens)
              iteration = (rank - shard) % 8;
          }
          for (const View& view : attend->kv) iteration = std::max(iteration, arrival[view.block]);
          iterations[iteration] += work_of(*attend);
          CHECK(++attends[iteration] <= 3);
        }
      }
      work.push_back(iterations);
    }
    for (const auto& iterations : work) CHECK(iterations == work.front());
    for (size_t i = 0; i < work.front().size(); ++i) {
      CHECK(work.front()[i] == 16 * 17 / 2 + static_cast<int64_t>(i) * 16 * 16 + 128 * cached / 8);
    }
  }
}

}  // namespace
}  // namespace ringfold
