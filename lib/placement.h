#pragma once

#include "lib/schedule.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// Part of Q, KV or O: tokens x heads (kv heads for KV).
struct Piece {
  TokenSet tokens;
  HeadRange heads;
  bool operator==(const Piece&) const = default;
};

/// Who holds what, per rank of a group: three separate answers, since a schedule may split Q by heads and KV by tokens.
struct Placement {
  std::vector<std::vector<Piece>> q;
  std::vector<std::vector<Piece>> kv;
  std::vector<std::vector<Piece>> o;
  bool operator==(const Placement&) const = default;
};

/// A named placement; throws Error(internal) for native, which only a plan can tell.
Placement named_placement(const Problem& problem, const Group& group, PlacementKind kind);
/// What the programs start with and end with.
Placement placement_of(const std::vector<Program>& programs);

/// Programs that start and end in `placement`: exchanges before and after the given ones move what has to move, no byte
/// twice and nothing that already lies where it is wanted. LSE stays where it is made.
std::vector<Program> redistribute(const Problem& problem, std::vector<Program> programs, const Placement& placement);

class Strategy;

/// Plans the whole cluster with a strategy: splits heads over tp (kv heads replicated where there are fewer),
/// redistributes to problem.placement, numbers ranks tp_index * sp + sp_index. Requires cluster_supports() to be empty.
Schedule plan_cluster(const Strategy& strategy, std::string_view name, const Problem& problem, const Cluster& cluster);
/// The first group's reason why the strategy cannot plan this, or nothing.
std::optional<std::string> cluster_supports(const Strategy& strategy, const Problem& problem, const Cluster& cluster);

}  // namespace ringfold
