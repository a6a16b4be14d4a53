// Same case, same bits: run to run, on every transport, and under any delay or order of messages.
#include "lib/cost.h"
#include "lib/delaying_transport.h"
#include "tests/catch.h"
#include "tests/conformance/harness.h"
#include "tests/ring_fixture.h"

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

/// Runs on every transport but in_process, whose bits are what is expected; so are the plan's bytes.
void compare_transports(const Variant& variant, const Problem& problem, const Cluster& cluster,
                        const WrapTransport& wrap = {}) {
  const Schedule schedule = proved_plan(variant, problem, cluster);
  if (schedule.ranks.empty()) return;
  const auto source = generated_inputs(problem, problem.layer ? InputKind::gauss : InputKind::peaked, 9);
  const InputSource& inputs = *source;
  Judge judge(inputs, 1e9, TokenSet{});
  judge.prepare(query_set(problem), {0, problem.heads.query});
  for (const std::string_view kernel : {"cpu_reference", "cpu_fast"}) {
    Execution execution;
    execution.kernel = kernel;
    const Outcome expected = run(schedule, inputs, judge, execution);
    CHECK(expected.sent_bytes == cost_of(schedule).sent_bytes);
    for (const std::string& transport : tested_transports()) {
      INFO(variant.text() << " sp " << cluster.sp << " tp " << cluster.tp << " " << kernel << " " << transport);
      execution.transport = transport;
      execution.wrap = wrap;
      if (transport != "in_process") CHECK((run(schedule, inputs, judge, execution) == expected));
    }
  }
}

TEST_CASE("every transport gives the same bits and moves the plan's bytes") {
  std::vector<Problem> problems(4);
  problems[0].sequences = {{45, 30}, {2, 0}, {0, 4}, {19, 0}};
  problems[0].heads = {6, 2, 16};
  problems[0].placement = PlacementKind::tokens;
  problems[1].sequences = {{70, 0}};
  problems[1].heads = {28, 7, 16};
  problems[1].dtype = DType::bf16;
  problems[1].placement = PlacementKind::heads;
  problems[2].sequences = {{33, 129}, {0, 7}, {1, 64}, {0, 0}, {130, 0}};
  problems[2].heads = {6, 2, 33};
  problems[2].mask.kind = MaskKind::full;
  problems[2].dtype = DType::fp16;
  problems[3].sequences = {{1, 0}, {3, 500}};
  problems[3].heads = {5, 5, 1};
  problems[3].placement = PlacementKind::zigzag;
  for (const Problem& problem : problems) {
    for (const Variant& variant : all_variants()) {
      for (const Cluster cluster : {Cluster{1, 1}, Cluster{2, 1}, Cluster{5, 1}, Cluster{3, 2}}) {
        compare_transports(variant, problem, cluster);
      }
    }
  }
}

/// As `ranks` caches that grew while decoding: token by token to the rank of its position.
std::vector<TokenSet> dealt_cache(const Problem& problem, int ranks) {
  std::vector<std::vector<TokenRange>> held(static_cast<size_t>(ranks));
  for (size_t s = 0; s < problem.sequences.size(); ++s) {
    for (int64_t position = 0; position < problem.sequences[s].cached; ++position) {
      held[static_cast<size_t>(position % ranks)].push_back({static_cast<int64_t>(s), position, position + 1});
    }
  }
  std::vector<TokenSet> cache;
  for (std::vector<TokenRange>& ranges : held) cache.emplace_back(std::move(ranges));
  return cache;
}

TEST_CASE("so it does when serving: pages, rotated and capped rows, windows, decoding from any cache") {
  std::vector<Problem> problems(3);
  problems[0].sequences = {{33, 50}, {0, 7}, {1, 64}, {40, 0}};
  problems[0].heads = {6, 2, 34};
  problems[0].mask = {MaskKind::window, 30};
  problems[0].page_size = 7;
  problems[0].rope = Rope{};
  problems[0].placement = PlacementKind::tokens;
  problems[1].sequences = {{70, 0}, {5, 21}};
  problems[1].heads = {28, 7, 16};
  problems[1].dtype = DType::bf16;
  problems[1].page_size = 16;
  problems[1].rope = Rope{50, RopeStyle::interleaved};
  problems[1].softcap = 2;
  problems[1].placement = PlacementKind::zigzag;
  problems[2].sequences = {{1, 130}, {1, 3}, {4, 66}, {0, 9}, {1, 0}};
  problems[2].heads = {6, 2, 16};
  problems[2].dtype = DType::fp16;
  problems[2].page_size = 1;
  problems[2].softcap = 50;
  for (Problem& problem : problems) {
    const bool decodes = problem.page_size == 1;
    for (const Cluster cluster : {Cluster{2, 1}, Cluster{5, 1}, Cluster{3, 2}}) {
      if (decodes) problem.cache = dealt_cache(problem, cluster.sp);
      for (const Variant& variant : all_variants()) compare_transports(variant, problem, cluster);
    }
  }
}

TEST_CASE("so it does with projections, from either source of K and V") {
  Problem problem;
  problem.sequences = {{33, 50}, {0, 7}, {1, 64}, {40, 0}};
  problem.heads = {28, 7, 16};
  problem.dtype = DType::bf16;
  problem.rope = Rope{};
  for (const KvSource source : {KvSource::exchange, KvSource::recompute}) {
    problem.layer = Layer{100, source};
    for (const Cluster cluster : {Cluster{5, 1}, Cluster{3, 2}}) {
      for (const Variant& variant : all_variants()) compare_transports(variant, problem, cluster);
    }
  }
}

TEST_CASE("every transport gives the same bits however messages are delayed") {
  const Fixture fixture;
  for (const Variant& variant : all_variants()) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      INFO("seed " << seed);
      compare_transports(variant, fixture.problem, {4, 1}, [&](RankContext& context) {
        return std::make_unique<DelayingTransport>(context.transport, seed * 64 + static_cast<uint64_t>(context.rank),
                                                   std::chrono::microseconds(200));
      });
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
