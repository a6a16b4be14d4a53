#include "lib/passes.h"

#include "lib/check.h"
#include "lib/cost.h"
#include "tests/catch.h"
#include "tests/lib/explorer.h"
#include "tests/lib/hand_plans.h"
#include "tests/lib/random_plan.h"

namespace ringfold {
namespace {

/// "X1 A2 A3": operations by kind, with the block made last.
std::string outline(const Program& program) {
  std::string text;
  for (const Operation& operation : program.operations) {
    BlockId last = kNoBlock;
    visit_operands(program, operation, [](const View&) {}, [&](BlockId block) { last = block; });
    text += (text.empty() ? "" : " ") + std::string(1, name_of(operation)[0]) + std::to_string(last);
  }
  return text;
}

TEST_CASE("the passes run in a fixed order") {
  std::vector<std::string> names;
  for (const Pass& pass : pass_table()) names.emplace_back(pass.name);
  CHECK(names == std::vector<std::string>{"fuse", "join", "align", "early", "reuse"});
}

TEST_CASE("every pass keeps what a plan means") {
  // A link so fast that every join pays, and none.
  const AssumedRates devices{1e12, 1e12, 1e-6, 1e15, 0};
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const AssumedRates rates = seed % 2 == 0 ? AssumedRates{} : devices;
    Schedule schedule = random_plan(seed / 2);
    const Cost before = cost_of(schedule);
    for (const Pass& pass : pass_table()) {
      const Schedule once = pass.apply(schedule, rates);
      CAPTURE(seed, pass.name, check(once).summary());
      REQUIRE(check(once).proved());
      CHECK(pass.apply(once, rates) == once);
      schedule = once;
      const Cost after = cost_of(schedule);
      CHECK(after.flops == before.flops);
      CHECK(after.sent_bytes == before.sent_bytes);
      CHECK(after.link_bytes == before.link_bytes);
      CHECK(after.minimum_sent_bytes == before.minimum_sent_bytes);
    }
  }
}

TEST_CASE("attends on one state are joined, but not over an exchange") {
  const Problem problem = small_problem(12);
  const auto parts = [&](bool exchange) {
    ProgramMaker maker(problem);
    const BlockId q = maker.input(BlockKind::q, query_set(problem), {0, 2});
    const BlockId kv = maker.input(BlockKind::kv, kv_part(problem, 3, 0), {0, 1});
    const BlockId next = maker.block(BlockKind::kv, kv_part(problem, 3, 1), {0, 1});
    maker.add(Exchange{{}, {{1, 0, next}}});
    const BlockId last = exchange ? maker.block(BlockKind::kv, kv_part(problem, 3, 2), {0, 1})
                                  : maker.input(BlockKind::kv, kv_part(problem, 3, 2), {0, 1});
    if (exchange) maker.add(Exchange{{}, {{1, 1, last}}});
    BlockId state = maker.attend(maker.whole(q), {maker.whole(next)});
    state = maker.attend(maker.whole(q), {maker.whole(last)}, state);
    maker.finish(maker.attend(maker.whole(q), {maker.whole(kv)}, state));
    Schedule schedule;
    schedule.problem = problem;
    schedule.ranks = {maker.program};
    return fuse_attends(schedule).ranks[0];
  };
  CHECK(outline(parts(false)) == "e2 a4 f6");
  CHECK(std::get<Attend>(parts(false).operations[1]).kv.size() == 3);
  // The first attend would have to wait for the second exchange; the second one has waited for it, so takes the third
  // in.
  CHECK(outline(parts(true)) == "e2 e3 a4 a5 f7");
}

TEST_CASE("attends of one key block are joined over their queries") {
  const Problem problem = small_problem(12);
  ProgramMaker maker(problem);
  const BlockId q = maker.input(BlockKind::q, query_set(problem), {0, 2});
  const BlockId kv = maker.input(BlockKind::kv, kv_set(problem), {0, 1});
  const BlockId rest = maker.input(BlockKind::kv, kv_set(problem), {0, 1});
  const BlockId state = maker.block(BlockKind::state, query_set(problem), {0, 2});
  maker.add(Attend{maker.part(q, query_part(problem, 2, 0)), {maker.whole(kv)}, problem.mask, kNoBlock, state});
  const BlockId second = maker.attend(maker.part(q, query_part(problem, 2, 1)), {maker.whole(kv)}, state);
  maker.finish(maker.attend(maker.part(q, query_part(problem, 2, 1)), {maker.whole(rest)}, second));
  Schedule schedule;
  schedule.problem = problem;
  schedule.ranks = {maker.program};
  CHECK(outline(fuse_attends(schedule).ranks[0]) == "a3 a4 f6");
}

TEST_CASE("a state that is needed again is neither fused away nor folded in place") {
  // The first half of the rows is finished after one attend, the second after two.
  const Problem problem = small_problem(12);
  const TokenSet first = query_part(problem, 2, 0);
  const TokenSet second = query_part(problem, 2, 1);
  ProgramMaker maker(problem);
  const BlockId q = maker.input(BlockKind::q, query_set(problem), {0, 2});
  const BlockId kv = maker.input(BlockKind::kv, kv_part(problem, 2, 0), {0, 1});
  const BlockId rest = maker.input(BlockKind::kv, kv_part(problem, 2, 1), {0, 1});
  const BlockId half = maker.attend(maker.whole(q), {maker.whole(kv)});
  const BlockId all = maker.attend(maker.whole(q), {maker.whole(rest)}, half);
  for (const View& rows : {maker.part(half, first), maker.part(all, second)}) {
    const BlockId out = maker.block(BlockKind::out, rows.tokens, rows.heads);
    const BlockId lse = maker.block(BlockKind::lse, rows.tokens, rows.heads);
    maker.add(Finish{rows, out, lse});
    maker.program.outputs.insert(maker.program.outputs.end(), {out, lse});
  }
  Schedule schedule{"by hand", problem, {1, 1}, {maker.program}};
  CHECK(check(schedule).summary() == "proved");
  CHECK(fuse_attends(schedule) == schedule);
  schedule = assign_buffers(schedule);
  CHECK(check(schedule).summary() == "proved");
  CHECK(run_memory(schedule, 1) == "");
  Program& program = schedule.ranks[0];
  program.offsets[static_cast<size_t>(all)] = program.offsets[static_cast<size_t>(half)];
  CHECK(check(schedule).summary() ==
        "rank 0, operation 1 (attend): block 4 (state 0:[0,12) x heads [0,2)) takes bytes [768,1248) of block 3 (state "
        "0:[0,12) x heads [0,2)), which is needed until operation 2");
}

TEST_CASE("an exchange is issued before the compute that it need not wait for") {
  const Schedule ring = ring_plan(small_problem(12), 3);
  // As written: attend, exchange, attend, exchange, attend.
  CHECK(outline(ring.ranks[0]) == "a2 e3 a4 e5 a6 f8");
  const Schedule early = issue_early(ring);
  CHECK(outline(early.ranks[0]) == "e3 a2 e5 a4 a6 f8");
  // What is sent must be made first.
  const Schedule partial = partial_plan(small_problem(12), 3);
  CHECK(outline(issue_early(partial).ranks[1]) == outline(partial.ranks[1]));
}

TEST_CASE("a ring is given two buffers for what it receives, and folds in place") {
  const Problem problem = small_problem(64 * 8);
  const Schedule ring = assign_buffers(issue_early(ring_plan(problem, 8)));
  const int64_t kv = 64 * 2 * 4 * 4;
  const int64_t q = 64 * 2 * 4 * 4;
  const int64_t state = 64 * 2 * 5 * 4;
  const int64_t lse = 64 * 2 * 4;
  for (const Program& program : ring.ranks) {
    // O takes the place of a received shard.
    CHECK(program.arena_bytes <= q + kv + state + 2 * kv + lse);
    for (const int64_t offset : program.offsets) CHECK(offset % kBufferAlignment == 0);
  }
  const Schedule apart = assign_buffers(ring, false);
  CHECK(apart.ranks[0].arena_bytes > 2 * ring.ranks[0].arena_bytes);
  CHECK(check(apart).proved());
}

TEST_CASE("shards that differ by a row share buffers all the same") {
  const Problem problem = small_problem(64 * 8 + 3);
  const Schedule ring = assign_buffers(issue_early(ring_plan(problem, 8)));
  const int64_t row = 2 * 4 * 4;
  CHECK(ring.ranks[0].arena_bytes <= 65 * (row + row + 2 * 5 * 4 + 2 * row + 2 * 4) + 6 * kBufferAlignment);
}

TEST_CASE("pieces without tokens are not put side by side") {
  const Problem problem = small_problem(12);
  ProgramMaker maker(problem);
  const BlockId q = maker.input(BlockKind::q, query_set(problem), {0, 2});
  const BlockId kv = maker.input(BlockKind::kv, kv_set(problem), {0, 1});
  const BlockId none = maker.input(BlockKind::kv, {}, {0, 1});
  const BlockId neither = maker.input(BlockKind::kv, {}, {0, 1});
  maker.finish(maker.attend(maker.whole(q), {maker.whole(kv), maker.whole(none), maker.whole(neither)}));
  for (Block& block : maker.program.blocks) {
    if (block.kind == BlockKind::kv) block.layout = Layout::tokens_outer;
  }
  const Schedule schedule{"", problem, {1, 1}, {maker.program}};
  CHECK(check(assign_buffers(schedule)).summary() == "proved");
}

}  // namespace
}  // namespace ringfold
