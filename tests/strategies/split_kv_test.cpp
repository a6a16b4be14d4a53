#include "lib/check.h"
#include "tests/catch.h"
#include "tests/lib/explorer.h"
#include "tests/strategies/plan_model.h"

#include <numeric>

namespace ringfold {
namespace {

const char* const kCombines[] = {"all_to_all", "gather", "tree"};

Problem decode(int64_t sequences, int64_t cached, Heads heads = {8, 2, 16}) {
  Problem problem;
  for (int64_t s = 0; s < sequences; ++s) problem.sequences.push_back({1, cached + s});
  problem.heads = heads;
  return problem;
}

Schedule plan(const char* combine, const Problem& problem, int ranks) {
  return plan_with("split_kv", {{"combine", combine}}, problem, {ranks, 1});
}

int64_t count(const Program& program, std::string_view name) {
  return std::count_if(program.operations.begin(), program.operations.end(),
                       [&](const Operation& operation) { return name_of(operation) == name; });
}

TEST_CASE("split_kv attends every visible key once") {
  for (const char* combine : kCombines) {
    for (const Problem& problem : ugly_problems()) {
      for (const int ranks : {1, 2, 3, 4, 7}) {
        INFO(combine << ", " << describe(problem, {ranks, 1}));
        const Schedule schedule = plan(combine, problem, ranks);
        CHECK(check(schedule).summary() == "proved");
        CHECK(count_keys(schedule, 1) == "");
      }
    }
  }
}

TEST_CASE("batches of 1 to 256 sequences on 1 to 9 ranks are proved") {
  for (const char* combine : kCombines) {
    for (const int64_t batch : {1, 2, 7, 33, 256}) {
      for (int ranks = 1; ranks <= 9; ++ranks) {
        INFO(combine << ", " << batch << " sequences, " << ranks << " ranks");
        CHECK(check(plan(combine, decode(batch, 40), ranks)).summary() == "proved");
      }
    }
  }
}

TEST_CASE("the KV of a new token goes to the rank of its position, that of cached ones stays") {
  const Schedule schedule = plan("all_to_all", decode(1, 1002), 4);
  for (size_t rank = 0; rank < 4; ++rank) {
    const Program& program = schedule.ranks[rank];
    const Block& kv = program.blocks[static_cast<size_t>(program.inputs.back())];
    CHECK(kv.tokens.contains(TokenSet::range(0, 1002, 1003)) == (rank == 1002 % 4));
    CHECK(kv.tokens.size() >= 250);
  }
}

TEST_CASE("no rank sends a key") {
  for (const char* combine : kCombines) {
    const Schedule schedule = plan(combine, decode(3, 500), 4);
    for (const Program& program : schedule.ranks) {
      for (const Operation& operation : program.operations) {
        const auto* exchange = std::get_if<Exchange>(&operation);
        if (exchange == nullptr) continue;
        for (const Send& send : exchange->sends) {
          CHECK(program.blocks[static_cast<size_t>(send.view.block)].kind != BlockKind::kv);
        }
      }
    }
  }
}

TEST_CASE("bytes and operations are those of the header") {
  const Problem problem = decode(5, 4000);
  constexpr int64_t kTokens = 5, kTheta = 8 * 16 * 4, kOmega = 8 * (16 * 4 + 4);
  for (const int ranks : {2, 4, 8}) {
    INFO(ranks << " ranks");
    const Schedule all_to_all = plan("all_to_all", problem, ranks);
    for (const int64_t sent : sent_bytes(all_to_all)) {
      CHECK(sent == (ranks - 1) * kTokens * (kTheta + kOmega) / ranks);
    }
    const Schedule gather = plan("gather", problem, ranks);
    const Schedule tree = plan("tree", problem, ranks);
    int64_t log = 0;
    while (1 << log < ranks) ++log;
    CHECK(sent_bytes(gather)[0] == (ranks - 1) * kTokens * kTheta);
    CHECK(sent_bytes(tree)[0] == log * kTokens * kTheta);
    CHECK(count(gather.ranks[0], "exchange") == 2);
    CHECK(count(tree.ranks[0], "exchange") == 2 * log);
    CHECK(count(tree.ranks[0], "merge") == log);
    for (size_t rank = 1; rank < static_cast<size_t>(ranks); ++rank)
      CHECK(sent_bytes(gather)[rank] == kTokens * kOmega);
    for (const Schedule* schedule : {&all_to_all, &gather, &tree}) {
      for (const Program& program : schedule->ranks) CHECK(attends_of(program) == 1);
    }
  }
}

TEST_CASE("sequences without keys on a rank send it no state") {
  // One token each, nothing cached: every sequence has its key on rank 0.
  const Problem problem = decode(4, 0);
  Problem first = problem;
  for (Sequence& sequence : first.sequences) sequence.cached = 0;
  const Schedule schedule = plan("gather", first, 3);
  CHECK(check(schedule).summary() == "proved");
  CHECK(sent_bytes(schedule)[1] == 0);
  CHECK(sent_bytes(schedule)[2] == 0);
}

}  // namespace
}  // namespace ringfold
