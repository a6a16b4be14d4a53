#include "lib/check_placement.h"

#include "lib/placement.h"
#include "lib/shards.h"

#include <algorithm>

namespace ringfold {

namespace {

/// Do the pieces, taken together, hold tokens x heads?
bool held(const std::vector<Piece>& pieces, const TokenSet& tokens, const HeadRange& heads) {
  if (tokens.empty()) return true;
  std::vector<int64_t> edges = {heads.begin, heads.end};
  for (const Piece& piece : pieces) {
    for (const int64_t edge : {piece.heads.begin, piece.heads.end}) {
      if (heads.begin < edge && edge < heads.end) edges.push_back(edge);
    }
  }
  std::sort(edges.begin(), edges.end());
  for (size_t i = 0; i + 1 < edges.size(); ++i) {
    TokenSet there;
    for (const Piece& piece : pieces) {
      if (piece.heads.contains({edges[i], edges[i + 1]})) there = unite(there, piece.tokens);
    }
    if (edges[i] < edges[i + 1] && !there.contains(tokens)) return false;
  }
  return true;
}

/// The hidden states of all tokens of which the rank has Q or KV.
std::vector<Piece> hidden_pieces(const Schedule& schedule, const Placement& wanted, size_t index) {
  std::vector<Piece> pieces;
  for (const auto* list : {&wanted.q[index], &wanted.kv[index]}) {
    for (const Piece& piece : *list) pieces.push_back({piece.tokens, {0, schedule.problem.layer->hidden}});
  }
  return pieces;
}

void check_rank(const Schedule& schedule, size_t rank, const Placement& wanted, size_t index, Findings& findings) {
  const Program& program = schedule.ranks[rank];
  const auto check = [&](BlockId id, const std::vector<Piece>& pieces, const char* verb) {
    const Block& block = program.blocks[static_cast<size_t>(id)];
    if (held(pieces, block.tokens, block.heads)) return;
    findings.add(Proof::coverage, static_cast<int>(rank), -1, "{} {} here, but placement {} does not have it here",
                 describe(program, id), verb, to_string(schedule.problem.placement));
  };
  for (const BlockId id : program.inputs) {
    const BlockKind kind = program.blocks[static_cast<size_t>(id)].kind;
    if (kind == BlockKind::q) check(id, wanted.q[index], "starts");
    if (kind == BlockKind::kv) check(id, wanted.kv[index], "starts");
    // Under recompute each rank is given the hidden states of all that it projects; weights lie where they are used.
    const bool is_placed = schedule.problem.layer && schedule.problem.layer->source == KvSource::exchange;
    if (kind == BlockKind::hidden && is_placed) check(id, hidden_pieces(schedule, wanted, index), "starts");
  }
  for (const BlockId id : program.outputs) {
    if (program.blocks[static_cast<size_t>(id)].kind == BlockKind::out) check(id, wanted.o[index], "ends");
  }
}

}  // namespace

void check_placement(const Schedule& schedule, Findings& findings) {
  const Problem& problem = schedule.problem;
  if (problem.placement == PlacementKind::native) return;
  for (int tp = 0; tp < schedule.cluster.tp; ++tp) {
    const Group group{schedule.cluster.sp, head_part({0, problem.heads.query}, schedule.cluster.tp, tp)};
    const Placement wanted = named_placement(problem, group, problem.placement);
    for (int sp = 0; sp < schedule.cluster.sp; ++sp) {
      check_rank(schedule, static_cast<size_t>(tp * schedule.cluster.sp + sp), wanted, static_cast<size_t>(sp),
                 findings);
    }
  }
}

}  // namespace ringfold
