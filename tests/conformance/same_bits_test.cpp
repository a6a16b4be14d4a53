// Same case, same bits: run to run, and under any delay or order of messages.
#include "lib/delaying_transport.h"
#include "tests/catch.h"
#include "tests/conformance/harness.h"

namespace ringfold {
namespace {

struct Fixture {
  Problem problem;
  std::unique_ptr<GeneratedInputs> inputs;
  std::unique_ptr<Judge> judge;

  Fixture() {
    problem.sequences = {{45, 30}, {2, 0}, {0, 4}, {19, 0}};
    problem.heads = {6, 2, 16};
    problem.placement = PlacementKind::tokens;
    inputs = std::make_unique<GeneratedInputs>(problem, InputKind::peaked, 9);
    judge = std::make_unique<Judge>(*inputs, 1e9, TokenSet{});
    judge->prepare(query_set(problem), {0, problem.heads.query});
  }
};

TEST_CASE("a hundred repeats give the same bits") {
  const Fixture fixture;
  for (const Variant& variant : all_variants()) {
    INFO(variant.text());
    const Schedule schedule = proved_plan(variant, fixture.problem, {4, 1});
    const Outcome expected = run(schedule, *fixture.inputs, *fixture.judge, {});
    REQUIRE(expected.failure == "");
    for (int repeat = 0; repeat < 100; ++repeat) {
      REQUIRE(run(schedule, *fixture.inputs, *fixture.judge, {}) == expected);
    }
  }
}

TEST_CASE("a hundred seeds of delays give the same bits") {
  const Fixture fixture;
  for (const Variant& variant : all_variants()) {
    INFO(variant.text());
    const Schedule schedule = proved_plan(variant, fixture.problem, {4, 1});
    const Outcome expected = run(schedule, *fixture.inputs, *fixture.judge, {});
    for (uint64_t seed = 0; seed < 100; ++seed) {
      Execution delayed;
      delayed.wrap = [&](RankContext& context) {
        return std::make_unique<DelayingTransport>(context.transport, seed * 64 + static_cast<uint64_t>(context.rank),
                                                   std::chrono::microseconds(200));
      };
      INFO("seed " << seed);
      REQUIRE(run(schedule, *fixture.inputs, *fixture.judge, delayed) == expected);
    }
  }
}

TEST_CASE("running the same executor again gives the same bits") {
  const Fixture fixture;
  for (const Variant& variant : all_variants()) {
    INFO(variant.text());
    const Schedule schedule = proved_plan(variant, fixture.problem, {3, 1});
    Execution thrice;
    thrice.repeats = 3;
    CHECK(run(schedule, *fixture.inputs, *fixture.judge, thrice) == run(schedule, *fixture.inputs, *fixture.judge, {}));
  }
}

}  // namespace
}  // namespace ringfold
