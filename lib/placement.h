#pragma once

#include "lib/schedule.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

class Strategy;

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

/// Who holds what in a named placement; throws Error(internal) for native, which only a plan can tell.
///   tokens  rank r has contiguous shard r of Q, KV and O (of the cached tokens, part r), all heads of the group
///   zigzag  likewise chunks r and 2P-1-r of the new tokens
///   heads   rank r has all tokens of its contiguous part of the query heads, and of the kv heads that those read
Placement named_placement(const Problem& problem, const Group& group, PlacementKind kind);
/// What the programs start with and end with.
Placement placement_of(const std::vector<Program>& programs);

/// Programs that start and end in `placement`: one exchange before the given ones brings what they read, one after them
/// takes O where it must end; no byte moves twice, nor to where it lies already, and what they do not read is not
/// brought. What is not contiguous is packed by a Copy, and what a program reads is assembled by a Copy unless it
/// arrives, or lies there, as one piece. LSE stays where it is made. A rank's pieces of one kind must be disjoint, and
/// every piece wanted must be held by some rank.
std::vector<Program> redistribute(const Problem& problem, std::vector<Program> programs, const Placement& placement);

/// Programs whose inputs are not rotated: each rank turns what it starts with, by global positions, before anything
/// else (see Rotate). For problems with a rotary embedding; the given programs know nothing of it.
std::vector<Program> rotate_inputs(std::vector<Program> programs);

/// Programs whose ranks end with the same O, but each with one attend of it on all K and V that its queries see, which
/// it starts with: nothing is exchanged. LSE ends beside O.
std::vector<Program> replicate_keys(const Problem& problem, const std::vector<Program>& programs);

/// Programs that start with hidden states and weights, of which they project what the given ones start with, just
/// before it is needed (see Project). Where the layer's source is exchange, K and V of cached tokens stay given:
/// earlier forwards have projected them.
std::vector<Program> project_inputs(const Problem& problem, std::vector<Program> programs);

/// Plans the whole cluster with a strategy: splits heads over tp (kv heads replicated where there are fewer),
/// redistributes to problem.placement, rotates, pages and projects inputs where the problem says so, numbers ranks
/// tp_index * sp + sp_index. Requires cluster_supports() to be empty.
Schedule plan_cluster(const Strategy& strategy, std::string_view name, const Problem& problem, const Cluster& cluster);
/// The first group's reason why the strategy cannot plan this, or nothing.
std::optional<std::string> cluster_supports(const Strategy& strategy, const Problem& problem, const Cluster& cluster);

}  // namespace ringfold
