#include "lib/program_builder.h"

#include "lib/error.h"

#include <algorithm>

namespace ringfold {

bool sees(const Mask& mask, const TokenSet& queries, const TokenSet& keys) {
  if (mask.kind == MaskKind::window) return visible_pairs(mask, queries, keys) > 0;
  const auto query_ranges = queries.ranges();
  auto key = keys.ranges().begin();
  for (auto query = query_ranges.begin(); query != query_ranges.end(); ++query) {
    while (key != keys.ranges().end() && key->sequence < query->sequence) ++key;
    if (key == keys.ranges().end()) return false;
    // `key` is the sequence's first one: the easiest to see.
    if (key->sequence == query->sequence && (mask.kind == MaskKind::full || key->begin < query->end)) return true;
  }
  return false;
}

TokenSet queries_that_see(const Problem& problem, const TokenSet& keys) {
  const TokenSet queries = query_set(problem);
  std::vector<TokenRange> rows;
  for (const TokenRange& range : queries.ranges()) {
    if (sees(problem.mask, TokenSet({range}), keys)) rows.push_back(range);
  }
  return TokenSet(std::move(rows));
}

void ProgramBuilder::reserve(size_t operations, size_t blocks) {
  program_.operations.reserve(operations);
  program_.blocks.reserve(blocks);
}

BlockId ProgramBuilder::add(BlockKind kind, DType dtype, const TokenSet& tokens, const HeadRange& heads) {
  program_.blocks.push_back({kind, dtype, Layout::heads_outer, tokens, heads});
  return static_cast<BlockId>(program_.blocks.size() - 1);
}

BlockId ProgramBuilder::input_q(const TokenSet& tokens, const HeadRange& heads) {
  if (tokens.empty() || heads.empty()) return kNoBlock;
  program_.inputs.push_back(add(BlockKind::q, problem_.dtype, tokens, heads));
  return program_.inputs.back();
}

BlockId ProgramBuilder::input_kv(const TokenSet& tokens, const HeadRange& kv_heads) {
  if (tokens.empty() || kv_heads.empty()) return kNoBlock;
  program_.inputs.push_back(add(BlockKind::kv, problem_.dtype, tokens, kv_heads));
  return program_.inputs.back();
}

void ProgramBuilder::send(int peer, uint64_t tag, BlockId block) { send(peer, tag, whole(block)); }

void ProgramBuilder::send(int peer, uint64_t tag, const View& view) {
  if (view.tokens.empty() || view.heads.empty()) return;
  pending_.sends.push_back({peer, tag, view});
}

BlockId ProgramBuilder::receive(int peer, uint64_t tag, BlockKind kind, const TokenSet& tokens,
                                const HeadRange& heads) {
  if (tokens.empty() || heads.empty()) return kNoBlock;
  const bool partial = kind == BlockKind::state || kind == BlockKind::lse;
  pending_.receives.push_back({peer, tag, add(kind, partial ? DType::fp32 : problem_.dtype, tokens, heads)});
  return pending_.receives.back().block;
}

void ProgramBuilder::end_exchange() {
  if (pending_.sends.empty() && pending_.receives.empty()) return;
  program_.operations.emplace_back(std::move(pending_));
  pending_ = {};
}

BlockId ProgramBuilder::attend(BlockId q, const TokenSet& queries, std::vector<View> kv, BlockId state,
                               const TokenSet& rows) {
  if (q == kNoBlock || queries.empty()) return state;
  const HeadRange heads = block(q).heads;
  const HeadRange kv_heads = kv_heads_of(problem_, heads);
  std::erase_if(kv, [&](View& view) {
    view.heads = intersect(view.heads, kv_heads);
    return view.heads.empty() || !sees(problem_.mask, queries, view.tokens);
  });
  if (kv.empty()) return state;
  end_exchange();
  const TokenSet& state_rows = state != kNoBlock ? block(state).tokens : rows.empty() ? queries : rows;
  const BlockId made = add(BlockKind::state, DType::fp32, state_rows, heads);
  program_.operations.emplace_back(Attend{{q, queries, heads}, std::move(kv), problem_.mask, state, made});
  return made;
}

BlockId ProgramBuilder::merge(std::vector<View> parts, const TokenSet& rows, const HeadRange& heads) {
  if (rows.empty() || heads.empty()) return kNoBlock;
  end_exchange();
  const BlockId made = add(BlockKind::state, DType::fp32, rows, heads);
  program_.operations.emplace_back(Merge{std::move(parts), made});
  return made;
}

BlockId ProgramBuilder::copy(std::vector<View> parts, BlockKind kind, DType dtype, const TokenSet& tokens,
                             const HeadRange& heads) {
  if (tokens.empty() || heads.empty()) return kNoBlock;
  end_exchange();
  const BlockId made = add(kind, dtype, tokens, heads);
  program_.operations.emplace_back(Copy{std::move(parts), made});
  return made;
}

void ProgramBuilder::finish(BlockId state, BlockId q) {
  if (q == kNoBlock) return;
  end_exchange();
  const TokenSet rows = block(q).tokens;
  const HeadRange heads = block(q).heads;
  if (state == kNoBlock) state = merge({}, rows, heads);
  const BlockId out = add(BlockKind::out, problem_.dtype, rows, heads);
  const BlockId lse = add(BlockKind::lse, DType::fp32, rows, heads);
  program_.operations.emplace_back(Finish{{state, rows, heads}, out, lse});
  program_.outputs.insert(program_.outputs.end(), {out, lse});
}

View ProgramBuilder::whole(BlockId id) const {
  if (id == kNoBlock) return {};
  return {id, block(id).tokens, block(id).heads};
}

BlockId ProgramBuilder::pack(BlockId id, const TokenSet& tokens) {
  if (id == kNoBlock || tokens.empty()) return kNoBlock;
  const Block whole = block(id);
  return tokens == whole.tokens ? id : copy({part(id, tokens)}, whole.kind, whole.dtype, tokens, whole.heads);
}

View ProgramBuilder::part(BlockId id, const TokenSet& tokens) const {
  if (id == kNoBlock) return {};
  return {id, tokens, block(id).heads};
}

View ProgramBuilder::part(BlockId id, const TokenSet& tokens, const HeadRange& heads) const {
  if (id == kNoBlock) return {};
  return {id, tokens, heads};
}

Program ProgramBuilder::take() {
  end_exchange();
  return std::move(program_);
}

}  // namespace ringfold
