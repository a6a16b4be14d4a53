#include "lib/cost.h"
#include "lib/placement.h"
#include "lib/strategy.h"
#include "tests/catch.h"
#include "tests/conformance/harness.h"

#include <numeric>

namespace ringfold {
namespace {

Problem shaped(std::vector<Sequence> sequences, Heads heads, MaskKind mask, PlacementKind placement) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = heads;
  problem.mask.kind = mask;
  problem.placement = placement;
  return problem;
}

/// Plans, proves before and after each pass, and checks that the work is the problem's.
void prove(const Variant& variant, const Problem& problem, const Cluster& cluster) {
  const Schedule schedule = proved_plan(variant, problem, cluster);
  if (schedule.ranks.empty()) return;
  const Cost cost = cost_of(schedule);
  const int64_t pairs = visible_pairs(problem.mask, query_set(problem), kv_set(problem));
  CHECK(std::accumulate(cost.flops.begin(), cost.flops.end(), 0.0) ==
        static_cast<double>(4 * problem.heads.dim * problem.heads.query * pairs));
  CHECK(std::accumulate(cost.sent_bytes.begin(), cost.sent_bytes.end(), int64_t{0}) ==
        std::accumulate(cost.received_bytes.begin(), cost.received_bytes.end(), int64_t{0}));
}

TEST_CASE("every strategy is proved from every placement and on every grid of ranks") {
  for (const Variant& variant : all_variants()) {
    for (const PlacementKind placement :
         {PlacementKind::native, PlacementKind::tokens, PlacementKind::zigzag, PlacementKind::heads}) {
      for (const MaskKind mask : {MaskKind::causal, MaskKind::full}) {
        const Problem problem = shaped({{41, 0}, {0, 9}, {5, 17}, {1, 1}}, {28, 7, 8}, mask, placement);
        for (const Cluster cluster : {Cluster{1, 1}, Cluster{3, 1}, Cluster{8, 1}, Cluster{3, 2}, Cluster{2, 7},
                                      Cluster{4, 4}, Cluster{1, 14}, Cluster{28, 1}}) {
          INFO(variant.text() << " placement " << to_string(placement) << " sp " << cluster.sp << " tp " << cluster.tp);
          prove(variant, problem, cluster);
        }
      }
    }
  }
}

TEST_CASE("a strategy that refuses a problem says why, by key") {
  const StrategyInfo* info = find_strategy("balanced_ring");
  REQUIRE(info != nullptr);
  const Problem problem = shaped({{9, 0}}, {4, 2, 8}, MaskKind::causal, PlacementKind::native);
  const auto reason = cluster_supports(*info->make({{"heads", "contiguous"}}), problem, {5, 1});
  REQUIRE(reason);
  CHECK(reason->find("cluster.sp") != std::string::npos);
}

}  // namespace
}  // namespace ringfold
