#include "lib/check_cover.h"
#include "lib/placement.h"
#include "lib/program_builder.h"
#include "lib/shards.h"

#include <algorithm>

namespace ringfold {

namespace {

/// All keys that some of the queries see.
TokenSet seen_by(const Problem& problem, const TokenSet& queries) {
  std::vector<TokenRange> seen;
  for (const TokenRange& range : queries.ranges()) seen.push_back(visible_keys(problem, range));
  return intersect(TokenSet(std::move(seen)), kv_set(problem));
}

/// The kv heads that the pieces read, as few ranges as possible.
std::vector<HeadRange> kv_heads_of(const Problem& problem, const std::vector<Piece>& pieces) {
  std::vector<HeadRange> heads;
  for (const Piece& piece : pieces) heads.push_back(piece.heads);
  std::sort(heads.begin(), heads.end());
  heads.erase(std::unique(heads.begin(), heads.end()), heads.end());
  return kv_heads_of(problem, heads);
}

Program local_program(const Problem& problem, const std::vector<Piece>& pieces) {
  ProgramBuilder builder(problem);
  std::vector<BlockId> keys;
  for (const HeadRange& kv_heads : kv_heads_of(problem, pieces)) {
    TokenSet queries;
    for (const Piece& piece : pieces) {
      if (kv_heads.contains(kv_heads_of(problem, piece.heads))) queries = unite(queries, piece.tokens);
    }
    keys.push_back(builder.input_kv(seen_by(problem, queries), kv_heads));
  }
  for (const Piece& piece : pieces) {
    const BlockId q = builder.input_q(piece.tokens, piece.heads);
    std::vector<View> views;
    for (const BlockId id : keys) {
      if (id != kNoBlock) views.push_back(builder.whole(id));
    }
    builder.finish(builder.attend(q, piece.tokens, std::move(views), kNoBlock), q);
  }
  return builder.take();
}

}  // namespace

std::vector<Program> replicate_keys(const Problem& problem, const std::vector<Program>& programs) {
  std::vector<Program> local;
  for (const std::vector<Piece>& pieces : placement_of(programs).o) local.push_back(local_program(problem, pieces));
  return local;
}

}  // namespace ringfold
