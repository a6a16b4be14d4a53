#include "lib/check.h"

#include "lib/passes.h"
#include "tests/catch.h"
#include "tests/lib/hand_plans.h"

namespace ringfold {
namespace {

template <typename T>
T& operation(Schedule& schedule, size_t rank, size_t index) {
  return std::get<T>(schedule.ranks[rank].operations[index]);
}

struct Refusal {
  Proof proof;
  std::string text;
};

void expect(const Schedule& schedule, Proof proof, const std::string& text) {
  const Verdict verdict = check(schedule);
  REQUIRE_FALSE(verdict.proved());
  CHECK(verdict.summary() == text);
  CHECK(to_string(verdict.findings.front().proof) == to_string(proof));
}

std::vector<Problem> problems() {
  Problem ragged = small_problem(5, 4, 2, 7);
  ragged.sequences.push_back({0, 3});
  ragged.sequences.push_back({1, 0});
  ragged.sequences.push_back({9, 2});
  Problem full = ragged;
  full.mask.kind = MaskKind::full;
  Problem window = ragged;
  window.mask = {MaskKind::window, 3};
  Problem empty = small_problem(0);
  return {small_problem(12), small_problem(3, 2, 2, 1), ragged, full, window, empty};
}

TEST_CASE("plans by hand are proved, with buffers and without") {
  for (const Problem& problem : problems()) {
    for (const int ranks : {1, 2, 3, 7}) {
      for (const auto plan : {ring_plan, gather_plan, partial_plan}) {
        const Schedule schedule = plan(problem, ranks);
        CAPTURE(to_string(problem.mask), ranks, check(schedule).summary());
        CHECK(check(schedule).proved());
        for (const bool reuse : {false, true}) {
          const Schedule assigned = assign_buffers(schedule, reuse);
          const Verdict verdict = check(assigned);
          CAPTURE(verdict.summary());
          CHECK(verdict.proved());
          CHECK(verdict.peak_bytes[0] == assigned.ranks[0].arena_bytes);
        }
      }
    }
  }
}

TEST_CASE("a shard attended twice, and so another one never") {
  Schedule schedule = ring_plan(small_problem(12), 3);
  operation<Attend>(schedule, 2, 2).kv = operation<Attend>(schedule, 2, 0).kv;
  expect(
      schedule, Proof::coverage,
      "rank 2, operation 2 (attend): keys 0:[8,12) x heads [0,2) attended twice for queries 0:[8,12), the second time "
      "from block 1 (kv 0:[8,12) x heads [0,1))");
}

TEST_CASE("a shard never attended") {
  Schedule schedule = ring_plan(small_problem(12), 3);
  operation<Attend>(schedule, 2, 4).kv.clear();
  expect(
      schedule, Proof::coverage,
      "rank 2, operation 5 (finish): queries 0:[8,12) x heads [0,2) have not attended keys 0:[0,4), in block 6 (state "
      "0:[8,12) x heads [0,2))");
}

TEST_CASE("a mask that lets through too much or too little") {
  Schedule causal = ring_plan(small_problem(12), 3);
  operation<Attend>(causal, 1, 0).mask.kind = MaskKind::full;
  expect(causal, Proof::coverage,
         "rank 1, operation 0 (attend): under mask full queries 0:[4,8) x heads [0,2) attend 16 (query, key) pairs of "
         "keys 0:[4,8) in block 1 (kv 0:[4,8) x heads [0,1)), but mask causal of the problem shows them 10");
  // Nothing to mask: full is right there.
  Schedule off_diagonal = ring_plan(small_problem(12), 3);
  operation<Attend>(off_diagonal, 1, 2).mask.kind = MaskKind::full;
  CHECK(check(off_diagonal).proved());
}

TEST_CASE("a merge that counts a state twice") {
  Schedule schedule = partial_plan(small_problem(6), 3);
  auto& merge = operation<Merge>(schedule, 0, 3);
  merge.parts.push_back(merge.parts.front());
  expect(
      schedule, Proof::coverage,
      "rank 0, operation 3 (merge): keys 0:[2,4) x heads [0,2) merged twice for queries 0:[0,6), the second time from "
      "block 2 (state 0:[0,6) x heads [0,2))");
}

TEST_CASE("a send without a receive, and the other way round") {
  Schedule dropped = ring_plan(small_problem(12), 3);
  operation<Exchange>(dropped, 0, 1).sends.clear();
  expect(
      dropped, Proof::matching,
      "rank 1, operation 1 (exchange): receives block 3 (kv 0:[0,4) x heads [0,1)) from rank 0 with tag 1, which sends "
      "no such thing");
  Schedule doubled = ring_plan(small_problem(12), 3);
  auto& sends = operation<Exchange>(doubled, 0, 1).sends;
  sends.push_back(sends.front());
  expect(
      doubled, Proof::matching,
      "rank 0, operation 1 (exchange): sends block 1 (kv 0:[0,4) x heads [0,1)) to rank 1 with tag 1, which was sent "
      "there before with this tag");
}

TEST_CASE("a wrong block sent") {
  Schedule schedule = ring_plan(small_problem(12), 3);
  operation<Exchange>(schedule, 0, 3).sends[0].view = operation<Exchange>(schedule, 0, 1).sends[0].view;
  expect(
      schedule, Proof::matching,
      "rank 1, operation 3 (exchange): expects block 5 (kv 0:[8,12) x heads [0,1)), 128 bytes, but rank 0, operation 3 "
      "sends kv 0:[0,4) x heads [0,1), 128 bytes");
}

TEST_CASE("O and inputs lie where a named placement has them") {
  Problem problem = small_problem(12);
  problem.placement = PlacementKind::tokens;
  CHECK(check(ring_plan(problem, 3)).proved());
  // All of O ends on rank 0, and all Q starts there.
  expect(partial_plan(problem, 3), Proof::coverage,
         "rank 0: block 1 (q 0:[0,12) x heads [0,2)) starts here, but placement tokens does not have it here");
  problem.placement = PlacementKind::zigzag;
  expect(ring_plan(problem, 3), Proof::coverage,
         "rank 0: block 0 (q 0:[0,4) x heads [0,2)) starts here, but placement zigzag does not have it here");
}

TEST_CASE("exchanges in another order on one rank wait for each other") {
  Schedule schedule = ring_plan(small_problem(8), 2);
  for (Program& program : schedule.ranks) {
    // Both send first, then receive.
    auto& exchange = std::get<Exchange>(program.operations[1]);
    Exchange receives;
    std::swap(receives.receives, exchange.receives);
    program.operations.insert(program.operations.begin() + 2, receives);
  }
  expect(schedule, Proof::deadlock,
         "rank 0, operation 1 (exchange): waits in a cycle of 2 ranks, 2 never end: sends to rank 1, which receives "
         "at operation 2 but is held at operation 1; rank 1, operation 1 sends to rank 0, which receives at operation "
         "2 but "
         "is held at operation 1");
}

TEST_CASE("two live blocks in one place") {
  Schedule schedule = assign_buffers(ring_plan(small_problem(12), 3));
  Program& program = schedule.ranks[1];
  program.offsets[5] = program.offsets[3];
  expect(schedule, Proof::memory,
         "rank 1, operation 3 (exchange): block 5 (kv 0:[8,12) x heads [0,1)) takes bytes [448,576) of block 3 (kv "
         "0:[0,4) "
         "x heads [0,1)), which is needed until operation 3");
}

}  // namespace
}  // namespace ringfold
