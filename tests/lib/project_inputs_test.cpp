#include "lib/check.h"
#include "lib/cost.h"
#include "lib/estimate.h"
#include "lib/kernel.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "lib/print.h"
#include "tests/catch.h"
#include "tests/lib/explorer.h"
#include "tests/strategies/plan_model.h"

#include <functional>

namespace ringfold {
namespace {

constexpr int64_t kHidden = 24;
const char* const kStrategies[] = {"naive_ring", "balanced_ring", "all_gather", "split_kv", "window_halo"};

Problem layered(KvSource source) {
  Problem problem;
  problem.sequences = {{20, 6}, {3, 0}};
  problem.heads = {4, 2, 8};
  problem.layer = Layer{kHidden, source};
  return problem;
}

Schedule ring(KvSource source = KvSource::exchange) { return plan_with("naive_ring", {}, layered(source), {3, 1}); }

/// How often operations of a name stand in a program.
int64_t count(const Program& program, std::string_view name) {
  return std::count_if(program.operations.begin(), program.operations.end(),
                       [&](const Operation& operation) { return name_of(operation) == name; });
}

TEST_CASE("under exchange each rank projects its own rows, and cached K and V are given") {
  Schedule schedule = ring();
  CHECK(check(schedule).summary() == "proved");
  const TokenSet cached = subtract(kv_set(schedule.problem), query_set(schedule.problem));
  TokenSet projected;
  for (const Program& program : schedule.ranks) {
    CHECK(count(program, "project") == 2);
    for (const BlockId id : program.inputs) {
      const Block& block = program.blocks[static_cast<size_t>(id)];
      CHECK(block.kind != BlockKind::q);
      if (block.kind == BlockKind::kv) CHECK(cached.contains(block.tokens));
      if (block.kind == BlockKind::hidden) {
        CHECK(intersect(block.tokens, projected).empty());
        projected = unite(projected, block.tokens);
      }
    }
  }
  CHECK(projected == query_set(schedule.problem));
  for (const Pass& pass : pass_table()) {
    schedule = pass.apply(std::move(schedule), {});
    CHECK(check(schedule).summary() == "proved");
  }
  CHECK(run_memory(schedule, 1) == "");
}

TEST_CASE(
    "under recompute nothing moves, O ends where the strategy puts it, and every rank projects all that it sees") {
  for (const char* strategy : kStrategies) {
    for (const PlacementKind placement : {PlacementKind::native, PlacementKind::zigzag, PlacementKind::heads}) {
      Problem problem = layered(KvSource::recompute);
      if (std::string(strategy) == "window_halo") problem.mask = {MaskKind::window, 4};
      problem.placement = placement;
      const Schedule schedule = plan_with(strategy, {}, problem, {3, 1});
      CAPTURE(strategy, to_string(placement));
      CHECK(check(schedule).summary() == "proved");
      problem.layer->source = KvSource::exchange;
      CHECK(placement_of(schedule.ranks).o == placement_of(plan_with(strategy, {}, problem, {3, 1}).ranks).o);
      for (const Program& program : schedule.ranks) CHECK(count(program, "exchange") == 0);
    }
  }
}

TEST_CASE("projections are counted: FLOPs, weights in memory, what must be sent") {
  Problem problem = layered(KvSource::exchange);
  problem.sequences = {{30, 0}};
  const auto flops_of_rows = [&](int64_t q_heads, int64_t kv_heads, int64_t queries, int64_t keys) {
    return 2.0 * kHidden * 8 * static_cast<double>(queries * q_heads + 2 * keys * kv_heads);
  };
  const Cost exchange = cost_of(plan_with("naive_ring", {}, problem, {3, 1}));
  CHECK(exchange.projection_flops == std::vector<double>(3, flops_of_rows(4, 2, 10, 10)));
  const int64_t weights = kHidden * 8 * (4 + 2 * 2) * 4;
  for (const int64_t bytes : exchange.peak_bytes) CHECK(bytes > weights + 10 * kHidden * 4);
  Problem given = problem;
  given.layer.reset();
  const Cost plain = cost_of(plan_with("naive_ring", {}, given, {3, 1}));
  CHECK(exchange.sent_bytes == plain.sent_bytes);
  CHECK(exchange.minimum_sent_bytes == plain.minimum_sent_bytes);
  CHECK(exchange.flops == plain.flops);
  CHECK(plain.projection_flops.empty());
  problem.layer->source = KvSource::recompute;
  const Cost recompute = cost_of(plan_with("naive_ring", {}, problem, {3, 1}));
  CHECK(recompute.projection_flops ==
        std::vector<double>{flops_of_rows(4, 2, 10, 10), flops_of_rows(4, 2, 10, 20), flops_of_rows(4, 2, 10, 30)});
  CHECK(recompute.sent_bytes == std::vector<int64_t>(3, 0));
  CHECK(recompute.minimum_sent_bytes == std::vector<int64_t>(3, 0));
}

TEST_CASE("an estimate knows what projections take") {
  AssumedRates rates;
  rates.flops_per_second = 1e9;
  rates.memory_bytes_per_second = 1e30;
  rates.link_bytes_per_second = 1e30;
  const Schedule schedule = ring(KvSource::recompute);
  const Cost cost = cost_of(schedule);
  for (size_t rank = 0; rank < 3; ++rank) {
    const double expected = (cost.flops[rank] + cost.projection_flops[rank]) / 1e9;
    CHECK(estimate_seconds(schedule.ranks[rank], schedule.problem, rates) == Approx(expected));
  }
}

Project& projection(Schedule& schedule, size_t rank, BlockKind kind) {
  for (Operation& operation : schedule.ranks[rank].operations) {
    auto* project = std::get_if<Project>(&operation);
    if (project != nullptr && schedule.ranks[rank].blocks[static_cast<size_t>(project->block)].kind == kind) {
      return *project;
    }
  }
  throw std::logic_error("no such projection");
}

TEST_CASE("the checker refuses projections that are none") {
  const auto refusal = [](const std::function<void(Schedule&)>& spoil) {
    Schedule schedule = ring();
    spoil(schedule);
    return check(schedule).summary();
  };
  const auto block = [](Schedule& schedule, BlockId id) -> Block& {
    return schedule.ranks[1].blocks[static_cast<size_t>(id)];
  };
  CHECK_THAT(refusal([](Schedule& schedule) { projection(schedule, 1, BlockKind::q).source.heads.end -= 1; }),
             Catch::Contains("reads channels [0,23)") && Catch::Contains("rank 1"));
  CHECK_THAT(refusal([](Schedule& schedule) {
               Project& project = projection(schedule, 1, BlockKind::q);
               project.source.tokens = TokenSet::range(1, 1, 2);
             }),
             Catch::Contains("makes block"));
  CHECK_THAT(refusal([](Schedule& schedule) { projection(schedule, 1, BlockKind::q).weights.heads = {0, 3}; }),
             Catch::Contains("makes block"));
  CHECK_THAT(refusal([](Schedule& schedule) {
               projection(schedule, 1, BlockKind::q).weights = projection(schedule, 1, BlockKind::kv).weights;
             }),
             Catch::Contains("is used as wq"));
  CHECK_THAT(refusal([](Schedule& schedule) {
               projection(schedule, 1, BlockKind::q).weights.tokens = TokenSet::range(0, 0, kHidden - 1);
             }),
             Catch::Contains("not all"));
  CHECK_THAT(refusal([&](Schedule& schedule) {
               block(schedule, projection(schedule, 1, BlockKind::q).weights.block).tokens =
                   TokenSet::range(0, 0, kHidden - 1);
             }),
             Catch::Contains("a row a channel"));
  CHECK_THAT(refusal([](Schedule& schedule) { schedule.problem.layer.reset(); }),
             Catch::Contains("of a layer, but the problem has none"));
  CHECK_THAT(refusal([](Schedule& schedule) { schedule.problem.layer->source = KvSource::recompute; }),
             Catch::Contains("is to be projected"));
  CHECK_THAT(refusal([&](Schedule& schedule) {
               const BlockId q = projection(schedule, 1, BlockKind::q).block;
               auto& operations = schedule.ranks[1].operations;
               std::erase_if(operations, [&](const Operation& operation) {
                 const auto* project = std::get_if<Project>(&operation);
                 return project != nullptr && project->block == q;
               });
               schedule.ranks[1].inputs.push_back(q);
             }),
             Catch::Contains("is to be projected"));
  CHECK_THAT(refusal([](Schedule& schedule) {
               Problem given = layered(KvSource::exchange);
               given.layer.reset();
               schedule.ranks[1] = plan_with("naive_ring", {}, given, {3, 1}).ranks[1];
             }),
             Catch::Contains("is to be projected"));
}

TEST_CASE("hidden states start where the placement has the tokens") {
  Problem problem = layered(KvSource::exchange);
  problem.placement = PlacementKind::zigzag;
  Schedule schedule = plan_with("naive_ring", {}, problem, {3, 1});
  CHECK(check(schedule).summary() == "proved");
  schedule.problem.placement = PlacementKind::tokens;
  CHECK_THAT(check(schedule).summary(), Catch::Contains("placement tokens does not have it here"));
}

TEST_CASE("a program that projects says so, and a kernel that cannot is refused") {
  const Schedule schedule = ring();
  const std::string text = print_text(schedule, {0});
  CHECK_THAT(text, Catch::Contains("hidden states of tokens 0:[6,13)") && Catch::Contains("weights of heads [0,4)") &&
                       Catch::Contains("project"));
  Capabilities can;
  CHECK(missing_variant(can, schedule.problem) == "the kernel does not project hidden states (problem.layer)");
  can.projects = true;
  CHECK_FALSE(missing_variant(can, schedule.problem));
}

}  // namespace
}  // namespace ringfold
