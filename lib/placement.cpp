#include "lib/placement.h"

#include "lib/error.h"
#include "lib/shards.h"
#include "lib/strategy.h"

namespace ringfold {

namespace {

/// Group `index` of the cluster's tp groups.
Group group_of(const Problem& problem, const Cluster& cluster, int index) {
  return {cluster.sp, head_part({0, problem.heads.query}, cluster.tp, index)};
}

/// Group indices become ranks of the cluster.
void renumber(Program& program, int first_rank) {
  for (Operation& operation : program.operations) {
    Exchange* exchange = std::get_if<Exchange>(&operation);
    if (exchange == nullptr) continue;
    for (Send& send : exchange->sends) send.peer += first_rank;
    for (Receive& receive : exchange->receives) receive.peer += first_rank;
  }
}

}  // namespace

std::optional<std::string> cluster_supports(const Strategy& strategy, const Problem& problem, const Cluster& cluster) {
  if (problem.heads.query % cluster.tp != 0) {
    return fmt::format("cluster.tp: {} does not divide the {} query heads (problem.heads.query)", cluster.tp,
                       problem.heads.query);
  }
  if (problem.placement != PlacementKind::native) {
    return fmt::format("problem.placement: {} is not built yet, only native", to_string(problem.placement));
  }
  return strategy.supports(problem, group_of(problem, cluster, 0));
}

Schedule plan_cluster(const Strategy& strategy, std::string_view name, const Problem& problem, const Cluster& cluster) {
  const std::optional<std::string> refusal = cluster_supports(strategy, problem, cluster);
  RINGFOLD_INVARIANT(!refusal, "{}: {}", name, *refusal);
  Schedule schedule{std::string(name), problem, cluster, {}};
  schedule.ranks.reserve(static_cast<size_t>(cluster.ranks()));
  for (int index = 0; index < cluster.tp; ++index) {
    const Group group = group_of(problem, cluster, index);
    std::vector<Program> programs = strategy.plan(problem, group);
    for (Program& program : programs) {
      renumber(program, index * cluster.sp);
      schedule.ranks.push_back(std::move(program));
    }
  }
  return schedule;
}

}  // namespace ringfold
