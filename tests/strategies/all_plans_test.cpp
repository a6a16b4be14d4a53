// Every strategy, with every value of its options, on 1 to 64 ranks: planned, proved, and proved again after the
// passes.
#include "lib/check.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "tests/catch.h"
#include "tests/lib/explorer.h"
#include "tests/strategies/plan_model.h"

namespace ringfold {
namespace {

/// Every strategy with every combination of option values.
std::vector<std::pair<const StrategyInfo*, Options>> all_variants() {
  std::vector<std::pair<const StrategyInfo*, Options>> variants;
  for (const StrategyInfo& info : strategy_table()) {
    std::vector<Options> choices = {{}};
    for (const OptionSpec& option : info.options()) {
      std::vector<Options> more;
      for (const Options& choice : choices) {
        for (const std::string& value : option.values) {
          more.push_back(choice);
          more.back()[option.name] = value;
        }
      }
      choices = std::move(more);
    }
    for (const Options& choice : choices) variants.emplace_back(&info, choice);
  }
  return variants;
}

Problem problem_of(std::vector<Sequence> sequences, Heads heads, MaskKind mask) {
  Problem problem;
  problem.sequences = std::move(sequences);
  problem.heads = heads;
  problem.mask = {mask, 0};
  return problem;
}

/// Lengths below, at and above the number of ranks; few and odd heads; prefixes; a ragged batch.
std::vector<Problem> shapes() {
  const std::vector<Sequence> ragged = {{33, 0}, {0, 12}, {1, 90}, {0, 0}, {100, 7}, {5, 0}};
  return {
      problem_of({{0, 0}}, {8, 2, 16}, MaskKind::causal),     problem_of({{1, 0}}, {64, 8, 16}, MaskKind::causal),
      problem_of({{31, 0}}, {28, 7, 16}, MaskKind::full),     problem_of({{64, 0}}, {64, 64, 16}, MaskKind::causal),
      problem_of({{1003, 0}}, {64, 1, 16}, MaskKind::causal), problem_of({{257, 500}}, {64, 8, 16}, MaskKind::causal),
      problem_of({{1, 4000}}, {64, 8, 16}, MaskKind::full),   problem_of(ragged, {28, 7, 16}, MaskKind::causal),
      problem_of(ragged, {64, 8, 16}, MaskKind::full)};
}

Schedule after_passes(Schedule schedule, const AssumedRates& rates = {}) {
  for (const Pass& pass : pass_table()) schedule = pass.apply(std::move(schedule), rates);
  return schedule;
}

TEST_CASE("every strategy is proved on 1 to 64 ranks") {
  for (const auto& [info, options] : all_variants()) {
    const auto strategy = info->make(options);
    const std::vector<Problem> problems = shapes();
    for (int ranks = 1; ranks <= 64; ++ranks) {
      // On many ranks every fourth shape, so that it stays a matter of seconds; neighbours take the others.
      const size_t stride = ranks <= 10 ? 1 : 4;
      for (size_t i = static_cast<size_t>(ranks) % stride; i < problems.size(); i += stride) {
        const Problem& problem = problems[i];
        if (cluster_supports(*strategy, problem, {ranks, 1})) continue;
        INFO(info->id << ", " << describe(problem, {ranks, 1}));
        const Schedule schedule = plan_cluster(*strategy, info->id, problem, {ranks, 1});
        CHECK(check(schedule).summary() == "proved");
        if (ranks <= 10 || ranks % 8 <= 1) CHECK(check(after_passes(schedule)).summary() == "proved");
      }
    }
  }
}

TEST_CASE("every strategy is proved in every placement, over tp as well") {
  for (const auto& [info, options] : all_variants()) {
    const auto strategy = info->make(options);
    for (Problem problem : shapes()) {
      for (const PlacementKind kind : {PlacementKind::tokens, PlacementKind::zigzag, PlacementKind::heads}) {
        for (const Cluster cluster : {Cluster{5, 1}, Cluster{16, 1}, Cluster{3, 4}, Cluster{2, 14}}) {
          problem.placement = kind;
          if (cluster_supports(*strategy, problem, cluster)) continue;
          INFO(info->id << ", " << to_string(kind) << ", " << describe(problem, cluster));
          const Schedule schedule = plan_cluster(*strategy, info->id, problem, cluster);
          CHECK(check(schedule).summary() == "proved");
          CHECK(check(after_passes(schedule)).summary() == "proved");
        }
      }
    }
  }
}

TEST_CASE("every strategy is proved as passes make it for a device") {
  // Heads that ranks and groups of ranks do not divide: one reads across what another begins with.
  std::vector<Problem> problems = shapes();
  problems.push_back(problem_of({{194, 0}}, {12, 3, 16}, MaskKind::causal));
  problems.push_back(problem_of({{86, 4}, {40, 0}}, {6, 3, 64}, MaskKind::full));
  // Keys that nobody asks for, side by side with others.
  problems.push_back(problem_of({{0, 3}, {1, 0}}, {4, 4, 8}, MaskKind::full));
  for (const auto& [info, options] : all_variants()) {
    const auto strategy = info->make(options);
    for (Problem problem : problems) {
      for (const PlacementKind kind : {PlacementKind::native, PlacementKind::tokens, PlacementKind::heads}) {
        for (const Cluster cluster : {Cluster{1, 1}, Cluster{2, 1}, Cluster{3, 1}, Cluster{5, 1}, Cluster{3, 2}}) {
          problem.placement = kind;
          if (cluster_supports(*strategy, problem, cluster)) continue;
          for (const bool merges : {false, true}) {
            INFO(info->id << ", " << to_string(kind) << ", " << describe(problem, cluster) << ", " << merges);
            const AssumedRates rates{6e14, 2.5e12, 8e-6, 2e11, 2e-5, merges};
            const Schedule schedule = plan_cluster(*strategy, info->id, problem, cluster);
            CHECK(check(after_passes(schedule, rates)).summary() == "proved");
          }
        }
      }
    }
  }
}

TEST_CASE("every length on 1 to 9 ranks is proved") {
  for (const auto& [info, options] : all_variants()) {
    const auto strategy = info->make(options);
    for (int64_t tokens = 0; tokens <= 33; ++tokens) {
      for (int ranks = 1; ranks <= 9; ++ranks) {
        const Problem problem = problem_of({{tokens, tokens % 5}}, {12, 4, 16}, MaskKind::causal);
        INFO(info->id << ", " << describe(problem, {ranks, 1}));
        const Schedule schedule = plan_cluster(*strategy, info->id, problem, {ranks, 1});
        CHECK(check(schedule).summary() == "proved");
        if (tokens % 4 != ranks % 4) continue;
        CHECK((info->id == "split_kv" ? count_keys(schedule, 1) : first_fault(schedule)) == "");
      }
    }
  }
}

TEST_CASE("plans of 2^40 tokens x heads x dim count in 64 bits") {
  for (const auto& [info, options] : all_variants()) {
    const auto strategy = info->make(options);
    const Problem problem = problem_of({{(int64_t{1} << 30) + 7, int64_t{1} << 31}}, {8, 8, 128}, MaskKind::causal);
    INFO(info->id);
    const Schedule schedule = plan_cluster(*strategy, info->id, problem, {7, 1});
    CHECK(check(schedule).summary() == "proved");
    for (const int64_t sent : sent_bytes(schedule)) CHECK(sent > int64_t{1} << 40);
  }
}

/// Tokens of K and V sent, of all heads alike.
TokenSet sent_keys(const Schedule& schedule) {
  TokenSet keys;
  for (const Program& program : schedule.ranks) {
    for (const Operation& operation : program.operations) {
      const auto* exchange = std::get_if<Exchange>(&operation);
      if (exchange == nullptr) continue;
      for (const Send& send : exchange->sends) {
        const Block& block = program.blocks[static_cast<size_t>(send.view.block)];
        if (block.kind == BlockKind::kv) keys = unite(keys, send.view.tokens);
      }
    }
  }
  return keys;
}

TEST_CASE("no strategy sends keys that no query sees: of sequences that have left, or behind a window") {
  Problem problem;
  problem.sequences = {{0, 40}, {9, 100}, {1, 3}};
  problem.heads = {8, 2, 8};
  for (const Mask& mask : {Mask{MaskKind::causal, 0}, Mask{MaskKind::full, 0}, Mask{MaskKind::window, 4}}) {
    problem.mask = mask;
    const bool window = mask.kind == MaskKind::window;
    const TokenSet seen(std::vector<TokenRange>{{1, window ? 97 : 0, 109}, {2, 0, 4}});
    for (const auto& [info, options] : all_variants()) {
      for (const int ranks : {1, 2, 3, 4, 7}) {
        INFO(info->id << ", " << describe(problem, {ranks, 1}));
        const Schedule schedule = plan_with(info->id, options, problem, {ranks, 1});
        CHECK(check(schedule).summary() == "proved");
        CHECK(subtract(sent_keys(schedule), seen).empty());
      }
    }
  }
}

}  // namespace
}  // namespace ringfold
