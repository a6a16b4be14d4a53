#include "lib/placement.h"

#include "lib/check.h"
#include "lib/moves.h"
#include "lib/shards.h"
#include "tests/catch.h"
#include "tests/strategies/plan_model.h"

#include <algorithm>

namespace ringfold {
namespace {

constexpr PlacementKind kNamed[] = {PlacementKind::tokens, PlacementKind::zigzag, PlacementKind::heads};

struct Variant {
  std::string strategy;
  Options options;
};
const std::vector<Variant> kVariants = {{"naive_ring", {}},
                                        {"all_gather", {{"layout", "contiguous"}}},
                                        {"all_gather", {{"layout", "zigzag"}}},
                                        {"balanced_ring", {{"heads", "contiguous"}}},
                                        {"balanced_ring", {{"heads", "within_groups"}}}};

/// The placement of the whole cluster, rank by rank.
Placement cluster_placement(const Problem& problem, const Cluster& cluster) {
  Placement all;
  for (int t = 0; t < cluster.tp; ++t) {
    const Group group{cluster.sp, head_part({0, problem.heads.query}, cluster.tp, t)};
    const Placement part = named_placement(problem, group, problem.placement);
    all.q.insert(all.q.end(), part.q.begin(), part.q.end());
    all.kv.insert(all.kv.end(), part.kv.begin(), part.kv.end());
    all.o.insert(all.o.end(), part.o.begin(), part.o.end());
  }
  return all;
}

TEST_CASE("every strategy starts and ends in every named placement, proved") {
  for (Problem problem : ugly_problems()) {
    for (const Cluster cluster : {Cluster{1, 1}, Cluster{2, 2}, Cluster{3, 1}, Cluster{4, 1}, Cluster{7, 1}}) {
      if (problem.heads.query % cluster.tp != 0) continue;
      for (const Variant& variant : kVariants) {
        if (variant.strategy == "balanced_ring" && problem.heads.query / cluster.tp < cluster.sp) continue;
        for (const PlacementKind kind : kNamed) {
          problem.placement = kind;
          INFO(variant.strategy << ", " << to_string(kind) << ", " << describe(problem, cluster));
          const Schedule schedule = plan_with(variant.strategy, variant.options, problem, cluster);
          CHECK(placement_of(schedule.ranks) == cluster_placement(problem, cluster));
          CHECK(first_fault(schedule) == "");
          CHECK(check(schedule).summary() == "proved");
        }
      }
    }
  }
}

Problem prefill(int64_t tokens, Heads heads) {
  Problem problem;
  problem.sequences = {{tokens, 0}};
  problem.heads = heads;
  return problem;
}

TEST_CASE("what lies where it is wanted stays there") {
  Problem problem = prefill(64, {8, 4, 16});
  for (const Variant& variant : {kVariants[0], kVariants[1]}) {
    const Schedule native = plan_with(variant.strategy, variant.options, problem, {4, 1});
    problem.placement = PlacementKind::tokens;
    CHECK(plan_with(variant.strategy, variant.options, problem, {4, 1}).ranks == native.ranks);
    problem.placement = PlacementKind::native;
  }
  const Schedule native = plan_with("all_gather", {{"layout", "zigzag"}}, problem, {4, 1});
  problem.placement = PlacementKind::zigzag;
  CHECK(plan_with("all_gather", {{"layout", "zigzag"}}, problem, {4, 1}).ranks == native.ranks);
}

TEST_CASE("balanced_ring from tokens costs what ulysses does: Q and O all to all, KV by heads") {
  Problem problem = prefill(1024, {64, 8, 16});
  problem.placement = PlacementKind::tokens;
  const int64_t ranks = 8;
  for (const int64_t sent : sent_bytes(plan_with("balanced_ring", {}, problem, {8, 1}))) {
    CHECK(sent == (2 * 64 + 2 * 8) * 16 * 4 * 1024 * (ranks - 1) / (ranks * ranks));
  }
}

TEST_CASE("of several holders each sends its share") {
  // Two kv heads, each held by four ranks of eight; every rank wants a zigzag part of both.
  Problem problem = prefill(1024, {8, 2, 16});
  const Group group{8, {0, 8}};
  const Placement heads = named_placement(problem, group, PlacementKind::heads);
  const Placement zigzag = named_placement(problem, group, PlacementKind::zigzag);
  std::vector<int64_t> sent(8);
  for (const Move& move : plan_moves(heads.kv, zigzag.kv)) {
    CHECK(move.heads.size() == 1);
    sent[static_cast<size_t>(move.from)] += move.tokens.size();
  }
  CHECK(sent == std::vector<int64_t>(8, 128));
}

TEST_CASE("a move goes to who lacks it, once, in as few messages as possible") {
  const TokenSet low = TokenSet::range(0, 0, 8), high = TokenSet::range(0, 8, 16), all = TokenSet::range(0, 0, 16);
  // Rank 1 wants all heads of all tokens, twice over, and has those of the high tokens.
  const std::vector<Move> moves =
      plan_moves({{{low, {0, 2}}, {low, {2, 4}}}, {{high, {0, 4}}}}, {{}, {{all, {0, 4}}, {all, {1, 3}}}});
  REQUIRE(moves.size() == 1);
  CHECK(moves[0].from == 0);
  CHECK(moves[0].to == 1);
  CHECK(moves[0].tokens == low);
  CHECK(moves[0].heads == HeadRange{0, 4});
}

TEST_CASE("tp splits the heads, and kv heads are shared where there are fewer") {
  Problem problem = prefill(64, {8, 2, 16});
  const Schedule schedule = plan_with("naive_ring", {}, problem, {2, 4});
  REQUIRE(schedule.ranks.size() == 8);
  for (int rank = 0; rank < 8; ++rank) {
    const Program& program = schedule.ranks[static_cast<size_t>(rank)];
    const int64_t t = rank / 2;
    CHECK(program.blocks[static_cast<size_t>(program.inputs[0])].heads == HeadRange{2 * t, 2 * t + 2});
    CHECK(program.blocks[static_cast<size_t>(program.inputs[1])].heads == HeadRange{t / 2, t / 2 + 1});
    for (const Operation& operation : program.operations) {
      if (const auto* exchange = std::get_if<Exchange>(&operation)) {
        CHECK(exchange->sends.front().peer == (rank ^ 1));
        CHECK(exchange->receives.front().peer == (rank ^ 1));
      }
    }
  }
  CHECK(check(schedule).summary() == "proved");
}

TEST_CASE("tp must divide the query heads") {
  const Problem problem = prefill(64, {6, 2, 16});
  const StrategyInfo* info = find_strategy("naive_ring");
  CHECK(cluster_supports(*info->make({}), problem, {1, 4}) ==
        "cluster.tp: 4 does not divide the 6 query heads (problem.heads.query)");
  CHECK_FALSE(cluster_supports(*info->make({}), problem, {1, 3}));
}

}  // namespace
}  // namespace ringfold
