#include "lib/check.h"
#include "lib/shards.h"
#include "tests/catch.h"
#include "tests/strategies/plan_model.h"

#include <numeric>

namespace ringfold {
namespace {

Problem windowed(int64_t tokens, int64_t window) {
  Problem problem;
  problem.sequences = {{tokens, 0}};
  problem.heads = {8, 2, 16};
  problem.mask = {MaskKind::window, window};
  return problem;
}

int64_t received_tokens(const Program& program) {
  int64_t tokens = 0;
  for (const Operation& operation : program.operations) {
    const auto* exchange = std::get_if<Exchange>(&operation);
    if (exchange == nullptr) continue;
    for (const Receive& receive : exchange->receives) {
      tokens += program.blocks[static_cast<size_t>(receive.block)].tokens.size();
    }
  }
  return tokens;
}

TEST_CASE("window_halo attends every visible key once") {
  for (Problem problem : ugly_problems()) {
    for (const Mask& mask : {problem.mask, Mask{MaskKind::window, 1}, Mask{MaskKind::window, 9}}) {
      problem.mask = mask;
      for (const int ranks : {1, 2, 3, 4, 7}) {
        INFO(describe(problem, {ranks, 1}));
        const Schedule schedule = plan_with("window_halo", {}, problem, {ranks, 1});
        CHECK(check(schedule).summary() == "proved");
        CHECK(first_fault(schedule) == "");
      }
    }
  }
}

TEST_CASE("a rank with queries receives min(W - 1, tokens before it), from as many ranks as hold them") {
  for (const int64_t window : {1, 2, 20, 21, 63, 200, 5000}) {
    for (int ranks = 1; ranks <= 16; ++ranks) {
      const Problem problem = windowed(203, window);
      const Schedule schedule = plan_with("window_halo", {}, problem, {ranks, 1});
      for (int rank = 0; rank < ranks; ++rank) {
        const TokenSet queries = query_chunk(problem, ranks, rank);
        const int64_t before = queries.ranges().front().begin;
        INFO("window " << window << ", rank " << rank << " of " << ranks);
        CHECK(received_tokens(schedule.ranks[static_cast<size_t>(rank)]) == std::min(window - 1, before));
        CHECK(attends_of(schedule.ranks[static_cast<size_t>(rank)]) == (window > 1 && rank > 0 ? 2 : 1));
      }
    }
  }
}

TEST_CASE("without a window a rank receives what its mask shows") {
  Problem problem = windowed(100, 1);
  problem.mask = {};
  const Schedule causal = plan_with("window_halo", {}, problem, {4, 1});
  problem.mask = {MaskKind::full, 0};
  const Schedule full = plan_with("window_halo", {}, problem, {4, 1});
  for (size_t rank = 0; rank < 4; ++rank) {
    CHECK(received_tokens(causal.ranks[rank]) == 25 * static_cast<int64_t>(rank));
    CHECK(received_tokens(full.ranks[rank]) == 75);
  }
}

TEST_CASE("a window saves most of a gather's bytes, and gathers of shards that nobody sees are left out") {
  const auto sum = [](const Schedule& schedule) {
    const std::vector<int64_t> sent = sent_bytes(schedule);
    return std::accumulate(sent.begin(), sent.end(), int64_t{0});
  };
  const Problem problem = windowed(8000, 100);
  const int64_t token_bytes = 2 * 2 * 16 * 4;
  CHECK(sum(plan_with("window_halo", {}, problem, {8, 1})) == 7 * 99 * token_bytes);
  CHECK(sum(plan_with("all_gather", {}, problem, {8, 1})) == 7 * 1000 * token_bytes);
  CHECK(sum(plan_with("naive_ring", {}, problem, {8, 1})) == 7 * 8000 * token_bytes);
}

}  // namespace
}  // namespace ringfold
