#include "lib/placement.h"

#include "lib/error.h"
#include "lib/pages.h"
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

/// The pieces of these blocks, those of one kind.
std::vector<Piece> pieces_of(const Program& program, const std::vector<BlockId>& ids, BlockKind kind) {
  std::vector<Piece> pieces;
  for (const BlockId id : ids) {
    const Block& block = program.blocks[static_cast<size_t>(id)];
    if (block.kind == kind) pieces.push_back({block.tokens, block.heads});
  }
  return pieces;
}

}  // namespace

Placement named_placement(const Problem& problem, const Group& group, PlacementKind kind) {
  RINGFOLD_INVARIANT(kind != PlacementKind::native, "only a plan knows its native placement");
  const HeadRange kv_heads = kv_heads_of(problem, group.query_heads);
  const bool zigzag = kind == PlacementKind::zigzag;
  Placement placement;
  const auto add = [&](const Piece& q, const Piece& kv) {
    placement.q.push_back(q.tokens.empty() || q.heads.empty() ? std::vector<Piece>{} : std::vector<Piece>{q});
    placement.kv.push_back(kv.tokens.empty() || kv.heads.empty() ? std::vector<Piece>{} : std::vector<Piece>{kv});
  };
  const TokenSet all_queries = query_set(problem);
  const TokenSet all_kv = kv_set(problem);
  for (int rank = 0; rank < group.ranks; ++rank) {
    if (kind == PlacementKind::heads) {
      const HeadRange heads = head_part(group.query_heads, group.ranks, rank);
      add({all_queries, heads}, {all_kv, kv_heads_of(problem, heads)});
    } else {
      add({(zigzag ? zigzag_queries : query_chunk)(problem, group.ranks, rank), group.query_heads},
          {(zigzag ? zigzag_kv : kv_shard)(problem, group.ranks, rank), kv_heads});
    }
  }
  placement.o = placement.q;
  return placement;
}

Placement placement_of(const std::vector<Program>& programs) {
  Placement placement;
  for (const Program& program : programs) {
    placement.q.push_back(pieces_of(program, program.inputs, BlockKind::q));
    placement.kv.push_back(pieces_of(program, program.inputs, BlockKind::kv));
    placement.o.push_back(pieces_of(program, program.outputs, BlockKind::out));
  }
  return placement;
}

std::optional<std::string> cluster_supports(const Strategy& strategy, const Problem& problem, const Cluster& cluster) {
  if (problem.heads.query % cluster.tp != 0) {
    return fmt::format("cluster.tp: {} does not divide the {} query heads (problem.heads.query)", cluster.tp,
                       problem.heads.query);
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
    if (problem.placement != PlacementKind::native) {
      programs = redistribute(problem, std::move(programs), named_placement(problem, group, problem.placement));
    }
    const bool recomputes = problem.layer && problem.layer->source == KvSource::recompute;
    if (recomputes) programs = replicate_keys(problem, programs);
    if (problem.rope) programs = rotate_inputs(std::move(programs));
    if (problem.page_size) programs = page_caches(std::move(programs), *problem.page_size);
    if (problem.layer) programs = project_inputs(problem, std::move(programs));
    for (Program& program : programs) {
      renumber(program, index * cluster.sp);
      schedule.ranks.push_back(std::move(program));
    }
  }
  return schedule;
}

}  // namespace ringfold
