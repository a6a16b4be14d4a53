#include "lib/cost.h"

#include "lib/passes.h"
#include "tests/catch.h"
#include "tests/lib/hand_plans.h"

#include <algorithm>
#include <numeric>

namespace ringfold {
namespace {

using List = std::vector<int64_t>;

TEST_CASE("a ring sends everything but its last shard, and needs less") {
  // 12 tokens, dim 4, one kv head, fp32: 32 bytes a KV row, 128 a shard.
  const Cost cost = cost_of(ring_plan(small_problem(12), 3));
  CHECK(cost.sent_bytes == List{256, 256, 256});
  CHECK(cost.received_bytes == List{256, 256, 256});
  CHECK(cost.minimum_sent_bytes == List{256, 128, 0});
  CHECK(cost.link_bytes == std::map<std::pair<int, int>, int64_t>{{{0, 1}, 256}, {{1, 2}, 256}, {{2, 0}, 256}});
  // 4 dim x 2 heads x pairs; 10 on the diagonal, 16 for each block below it.
  CHECK(cost.flops == std::vector<double>{32 * 10, 32 * 26, 32 * 42});
  CHECK(cost.attends == List{3, 3, 3});
  CHECK(cost.imbalance == Catch::Approx(42.0 / 26.0));
}

TEST_CASE("queries that travel count among the rows to be sent") {
  const Cost cost = cost_of(partial_plan(small_problem(6), 3));
  // Two ranks attend rank 0's 6 x 2 rows of Q; its own KV nobody else does.
  CHECK(cost.minimum_sent_bytes == List{2 * 6 * 2 * 4 * 4, 0, 0});
}

TEST_CASE("rows sent beyond the mask are not among the least") {
  Problem problem = small_problem(12);
  problem.mask = {MaskKind::window, 2};
  // Only the last row of each shard is seen by the next rank.
  CHECK(cost_of(ring_plan(problem, 3)).minimum_sent_bytes == List{32, 32, 0});
  problem.mask = {MaskKind::full, 0};
  CHECK(cost_of(ring_plan(problem, 3)).minimum_sent_bytes == List{256, 256, 256});
}

TEST_CASE("rows that several ranks hold are sent by one, and not to those that hold them") {
  const Problem problem = small_problem(6);
  Schedule schedule = partial_plan(problem, 3);
  schedule.ranks[1].inputs.push_back(1);  // rank 1 has the queries from the start as well
  CHECK(cost_of(schedule).minimum_sent_bytes == List{6 * 2 * 4 * 4, 0, 0});
}

TEST_CASE("nothing to do is balanced") {
  const Cost cost = cost_of(ring_plan(small_problem(0), 2));
  CHECK(cost.imbalance == 1.0);
  CHECK(cost.link_bytes.empty());
}

TEST_CASE("memory is what is alive at once, or the arena") {
  const Schedule schedule = ring_plan(small_problem(12), 3);
  // 4 x 2 x 4 of Q and O, 4 x 8 of KV three times (own, received, being received), state and LSE, in fp32.
  const int64_t q = 128;
  const int64_t kv = 128;
  const int64_t state = 160;
  CHECK(cost_of(schedule).peak_bytes == List(3, q + kv + 2 * kv + state));
  const Schedule assigned = assign_buffers(schedule);
  CHECK(cost_of(assigned).peak_bytes == List(3, assigned.ranks[0].arena_bytes));
}

TEST_CASE("work beyond 64 bits is counted") {
  Problem problem;
  problem.sequences = {{int64_t{1} << 30, 0}};
  problem.heads = {64, 8, 128};
  problem.mask.kind = MaskKind::full;
  const Cost cost = cost_of(ring_plan(problem, 2));
  CHECK(cost.flops == std::vector<double>{0x1p74, 0x1p74});
  CHECK(cost.imbalance == 1.0);
}

}  // namespace
}  // namespace ringfold
