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

void check_rank(const Schedule& schedule, size_t rank, const Placement& wanted, size_t index, Findings& findings) {
  const Program& program = schedule.ranks[rank];
  const auto check = [&](BlockId id, const std::vector<Piece>& pieces, const char* verb) {
    const Block& block = program.blocks[static_cast<size_t>(id)];
    if (held(pieces, block.tokens, block.heads)) return;
    findings.add(Proof::coverage, static_cast<int>(rank), -1, "{} {} here, but placement {} does not have it here",
                 describe(program, id), verb, to_string(schedule.problem.placement));
  };
  for (const BlockId id : program.inputs) {
    const bool q = program.blocks[static_cast<size_t>(id)].kind == BlockKind::q;
    check(id, q ? wanted.q[index] : wanted.kv[index], "starts");
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
