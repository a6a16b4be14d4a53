#include "lib/check.h"
#include "lib/kernel.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "tests/catch.h"
#include "tests/lib/explorer.h"
#include "tests/strategies/plan_model.h"

namespace ringfold {
namespace {

Schedule rotated_ring() {
  Problem problem;
  problem.sequences = {{20, 6}, {3, 0}};
  problem.heads = {4, 2, 8};
  problem.rope = Rope{};
  return plan_with("naive_ring", {}, problem, {3, 1});
}

Block& block_of(Schedule& schedule, BlockId id) { return schedule.ranks[1].blocks[static_cast<size_t>(id)]; }

TEST_CASE("each rank turns what it starts with, once, before anything else") {
  Schedule schedule = rotated_ring();
  CHECK(check(schedule).summary() == "proved");
  for (const Program& program : schedule.ranks) {
    REQUIRE(program.operations.size() > 2);
    CHECK(name_of(program.operations[0]) == "rotate");
    CHECK(name_of(program.operations[1]) == "rotate");
    CHECK(std::get<Rotate>(program.operations[0]).source.block == program.inputs[1]);
    for (const BlockId input : program.inputs) CHECK(!program.blocks[static_cast<size_t>(input)].rotated);
  }
  for (const Pass& pass : pass_table()) {
    schedule = pass.apply(std::move(schedule), {});
    CHECK(check(schedule).summary() == "proved");
  }
  CHECK(run_memory(schedule, 1) == "");
}

TEST_CASE("in a placement, rows are turned where they start and move turned") {
  for (const PlacementKind kind : {PlacementKind::zigzag, PlacementKind::heads}) {
    Problem problem = rotated_ring().problem;
    problem.placement = kind;
    for (const char* strategy : {"all_gather", "balanced_ring"}) {
      CHECK(check(plan_with(strategy, {}, problem, {2, 2})).summary() == "proved");
    }
  }
}

TEST_CASE("keys that no query sees are not turned") {
  Problem problem;
  problem.sequences = {{1, 4}};
  problem.heads = {8, 4, 16};
  problem.mask = {MaskKind::window, 3};
  problem.rope = Rope{};
  for (const char* strategy : {"naive_ring", "balanced_ring", "all_gather", "split_kv", "window_halo"}) {
    for (const PlacementKind kind : {PlacementKind::native, PlacementKind::tokens, PlacementKind::heads}) {
      problem.placement = kind;
      CAPTURE(strategy, to_string(kind));
      CHECK(check(plan_with(strategy, {}, problem, {4, 1})).summary() == "proved");
    }
  }
}

TEST_CASE("the checker refuses rows that are not turned, or turned twice") {
  const auto refusal = [](const auto& break_it) {
    Schedule schedule = rotated_ring();
    break_it(schedule);
    return check(schedule).summary();
  };
  // A rank that forgets to turn its keys, and sends and attends them as they are.
  CHECK_THAT(refusal([](Schedule& schedule) {
               Program& program = schedule.ranks[1];
               const auto rotate = std::get<Rotate>(program.operations[0]);
               program.operations.erase(program.operations.begin());
               program.inputs[1] = rotate.block;
               block_of(schedule, rotate.block).rotated = false;
             }),
             Catch::Contains("not rotated, but the problem has a rotary embedding"));
  CHECK_THAT(refusal([](Schedule& schedule) { schedule.ranks[1].blocks[0].rotated = false; }),
             Catch::Contains("rank 1"));
  CHECK_THAT(refusal([](Schedule& schedule) {
               auto& rotate = std::get<Rotate>(schedule.ranks[1].operations[1]);
               block_of(schedule, rotate.source.block).rotated = true;
             }),
             Catch::Contains("rotated by nobody"));
  CHECK_THAT(refusal([](Schedule& schedule) { schedule.problem.rope.reset(); }),
             Catch::Contains("the problem has no rotary embedding"));
  CHECK_THAT(refusal([](Schedule& schedule) { schedule.problem.heads.dim = 7; }), Catch::Contains("odd number"));
  // Receives declare what is sent, turned or not.
  CHECK_THAT(refusal([](Schedule& schedule) {
               for (Operation& operation : schedule.ranks[1].operations) {
                 if (auto* exchange = std::get_if<Exchange>(&operation)) {
                   block_of(schedule, exchange->receives[0].block).rotated = false;
                   return;
                 }
               }
             }),
             Catch::Contains("rotated"));
}

TEST_CASE("a kernel that does not claim a variant is refused, by key") {
  Problem problem = rotated_ring().problem;
  CHECK(missing_variant({}, problem) == "the kernel has no rotary embedding (problem.rope)");
  problem.rope.reset();
  CHECK(!missing_variant({}, problem));
  problem.page_size = 16;
  CHECK(missing_variant({}, problem) == "the kernel has no pages of K and V (problem.kv.page_size)");
  problem.softcap = 20;
  CHECK(missing_variant({}, problem) == "the kernel has no softcap (problem.softcap)");
  for (const KernelInfo& info : kernel_table()) {
    if (info.unavailable()) continue;
    const Capabilities can = info.make({})->capabilities();
    problem.rope = Rope{};
    INFO(info.id);
    CHECK(missing_variant(can, problem).has_value() == !(can.softcaps && can.rotates && can.pages));
  }
}

}  // namespace
}  // namespace ringfold
