#include "tests/lib/hand_plans.h"

#include <utility>

namespace ringfold {

namespace {

TokenSet cut(const Problem& problem, bool queries, int parts, int index) {
  std::vector<TokenRange> ranges;
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    const Sequence& sequence = problem.sequences[s];
    const int64_t first = queries ? sequence.cached : 0;
    const int64_t count = sequence.length() - first;
    ranges.push_back({static_cast<int64_t>(s), first + count * index / parts, first + count * (index + 1) / parts});
  }
  return TokenSet(std::move(ranges));
}

Schedule empty_plan(const Problem& problem, int ranks) {
  Schedule schedule;
  schedule.strategy = "by hand";
  schedule.problem = problem;
  schedule.cluster = {ranks, 1};
  return schedule;
}

}  // namespace

BlockId ProgramMaker::block(BlockKind kind, const TokenSet& tokens, const HeadRange& heads) {
  const bool fp32 = kind == BlockKind::state || kind == BlockKind::lse;
  program.blocks.push_back({kind, fp32 ? DType::fp32 : problem_.dtype, Layout::heads_outer, tokens, heads});
  return static_cast<BlockId>(program.blocks.size()) - 1;
}

BlockId ProgramMaker::input(BlockKind kind, const TokenSet& tokens, const HeadRange& heads) {
  program.inputs.push_back(block(kind, tokens, heads));
  return program.inputs.back();
}

View ProgramMaker::whole(BlockId id) const {
  const Block& it = program.blocks[static_cast<size_t>(id)];
  return {id, it.tokens, it.heads};
}

View ProgramMaker::part(BlockId id, const TokenSet& tokens) const {
  return {id, tokens, program.blocks[static_cast<size_t>(id)].heads};
}

BlockId ProgramMaker::attend(const View& q, std::vector<View> kv, BlockId state_in) {
  const View rows = state_in == kNoBlock ? q : whole(state_in);
  const BlockId state = block(BlockKind::state, rows.tokens, rows.heads);
  add(Attend{q, std::move(kv), problem_.mask, state_in, state});
  return state;
}

BlockId ProgramMaker::merge(std::vector<View> parts, const TokenSet& tokens, const HeadRange& heads) {
  const BlockId state = block(BlockKind::state, tokens, heads);
  add(Merge{std::move(parts), state});
  return state;
}

void ProgramMaker::finish(BlockId state) {
  const View rows = whole(state);
  const BlockId out = block(BlockKind::out, rows.tokens, rows.heads);
  const BlockId lse = block(BlockKind::lse, rows.tokens, rows.heads);
  add(Finish{rows, out, lse});
  program.outputs.push_back(out);
  program.outputs.push_back(lse);
}

Problem small_problem(int64_t query, int64_t query_heads, int64_t kv_heads, int64_t cached) {
  Problem problem;
  problem.sequences = {{query, cached}};
  problem.heads = {query_heads, kv_heads, 4};
  return problem;
}

TokenSet kv_part(const Problem& problem, int parts, int index) { return cut(problem, false, parts, index); }
TokenSet query_part(const Problem& problem, int parts, int index) { return cut(problem, true, parts, index); }

Schedule ring_of(const Problem& problem, const std::vector<TokenSet>& queries, const std::vector<TokenSet>& travels,
                 const std::vector<TokenSet>& stays) {
  const auto ranks = static_cast<int>(queries.size());
  const auto at = [](int rank) { return static_cast<size_t>(rank); };
  Schedule schedule = empty_plan(problem, ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    ProgramMaker maker(problem);
    const BlockId q = maker.input(BlockKind::q, queries[at(rank)], {0, problem.heads.query});
    BlockId kv = maker.input(BlockKind::kv, travels[at(rank)], {0, problem.heads.kv});
    BlockId state = maker.attend(maker.whole(q), {maker.whole(kv)});
    if (!stays.empty()) {
      const BlockId local = maker.input(BlockKind::kv, stays[at(rank)], {0, problem.heads.kv});
      state = maker.attend(maker.whole(q), {maker.whole(local)}, state);
    }
    for (int step = 1; step < ranks; ++step) {
      const TokenSet& arriving = travels[at((rank - step + ranks) % ranks)];
      const BlockId next = maker.block(BlockKind::kv, arriving, {0, problem.heads.kv});
      const auto tag = static_cast<uint64_t>(step);
      maker.add(Exchange{{{(rank + 1) % ranks, tag, maker.whole(kv)}}, {{(rank + ranks - 1) % ranks, tag, next}}});
      kv = next;
      state = maker.attend(maker.whole(q), {maker.whole(kv)}, state);
    }
    maker.finish(state);
    schedule.ranks.push_back(std::move(maker.program));
  }
  return schedule;
}

Schedule ring_plan(const Problem& problem, int ranks) {
  std::vector<TokenSet> queries;
  std::vector<TokenSet> travels;
  for (int rank = 0; rank < ranks; ++rank) {
    queries.push_back(query_part(problem, ranks, rank));
    travels.push_back(kv_part(problem, ranks, rank));
  }
  return ring_of(problem, queries, travels);
}

Schedule gather_plan(const Problem& problem, int ranks) {
  Schedule schedule = empty_plan(problem, ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    ProgramMaker maker(problem);
    const BlockId q = maker.input(BlockKind::q, query_part(problem, ranks, rank), {0, problem.heads.query});
    const BlockId kv = maker.input(BlockKind::kv, kv_part(problem, ranks, rank), {0, problem.heads.kv});
    Exchange exchange;
    std::vector<View> all = {maker.whole(kv)};
    for (int peer = 0; peer < ranks; ++peer) {
      if (peer == rank) continue;
      const BlockId part = maker.block(BlockKind::kv, kv_part(problem, ranks, peer), {0, problem.heads.kv});
      exchange.sends.push_back({peer, 0, maker.whole(kv)});
      exchange.receives.push_back({peer, 0, part});
      all.push_back(maker.whole(part));
    }
    maker.add(exchange);
    maker.finish(maker.attend(maker.whole(q), std::move(all)));
    schedule.ranks.push_back(std::move(maker.program));
  }
  return schedule;
}

Schedule partial_plan(const Problem& problem, int ranks) {
  Schedule schedule = empty_plan(problem, ranks);
  const TokenSet queries = query_set(problem);
  const HeadRange heads{0, problem.heads.query};
  for (int rank = 0; rank < ranks; ++rank) {
    ProgramMaker maker(problem);
    const BlockId kv = maker.input(BlockKind::kv, kv_part(problem, ranks, rank), {0, problem.heads.kv});
    if (rank > 0) {
      const BlockId q = maker.block(BlockKind::q, queries, heads);
      maker.add(Exchange{{}, {{0, 0, q}}});
      const BlockId state = maker.attend(maker.whole(q), {maker.whole(kv)});
      maker.add(Exchange{{{0, 1, maker.whole(state)}}, {}});
      schedule.ranks.push_back(std::move(maker.program));
      continue;
    }
    const BlockId q = maker.input(BlockKind::q, queries, heads);
    Exchange out;
    Exchange back;
    std::vector<View> states;
    for (int peer = 1; peer < ranks; ++peer) {
      out.sends.push_back({peer, 0, maker.whole(q)});
      back.receives.push_back({peer, 1, maker.block(BlockKind::state, queries, heads)});
      states.push_back(maker.whole(back.receives.back().block));
    }
    maker.add(out);
    states.push_back(maker.whole(maker.attend(maker.whole(q), {maker.whole(kv)})));
    maker.add(back);
    maker.finish(maker.merge(std::move(states), queries, heads));
    schedule.ranks.push_back(std::move(maker.program));
  }
  return schedule;
}

}  // namespace ringfold
