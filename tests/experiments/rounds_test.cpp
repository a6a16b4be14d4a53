// Rounds of prefill, extend and decode: what is planned, where the cache lies, and what inputs are made of.

#include "experiments/rounds.h"

#include "experiments/load.h"
#include "experiments/planned_case.h"
#include "lib/error.h"
#include "tests/experiments/words.h"

#include <nlohmann/json.hpp>

using namespace ringfold;

namespace {

const std::string kServing = R"(
name: serving
problem:
  rounds: [{query: [70, 9]}, {query: [33, 0]}, {query: [1, 1], repeat: 3}, {query: [0, 2]}]
  heads: {query: 12, kv: 4, dim: 16}
cluster: {sp: 4}
strategies: [naive_ring, balanced_ring, {all_gather: {layout: zigzag}}, window_halo, split_kv]
)";

TokenSet held_by(const PlannedCase& planned, size_t rank) {
  TokenSet held;
  const Program& program = planned.schedule->ranks[rank];
  for (const BlockId id : program.inputs) {
    const Block& block = program.blocks[static_cast<size_t>(id)];
    if (block.kind == BlockKind::kv) held = unite(held, block.tokens);
  }
  return held;
}

}  // namespace

TEST_CASE("a case with rounds is a case a round, each on the tokens of all before it") {
  const Experiment experiment = parse_experiment(kServing, "serving.yaml", {}, built_vocabulary());
  REQUIRE(experiment.cases.size() == size_t{5} * 6);
  const std::vector<std::vector<Sequence>> expected = {{{70, 0}, {9, 0}},   {{33, 70}, {0, 9}},  {{1, 103}, {1, 9}},
                                                       {{1, 104}, {1, 10}}, {{1, 105}, {1, 11}}, {{0, 106}, {2, 12}}};
  for (size_t i = 0; i < experiment.cases.size(); ++i) {
    const Case& item = experiment.cases[i];
    CHECK(item.round == static_cast<int64_t>(i % 6));
    CHECK(item.problem.sequences == expected[i % 6]);
    CHECK(item.id == item.id.substr(0, 16) + "-r" + std::to_string(i % 6));
    CHECK(item.id.substr(0, 16) == experiment.cases[i / 6 * 6].id.substr(0, 16));
    CHECK(whole_problem(item).sequences == std::vector<Sequence>{{106, 0}, {14, 0}});
    const nlohmann::json said = nlohmann::json::parse(item.canonical);
    CHECK(said["problem"]["sequences"].size() == 2);
    CHECK(said["problem"]["sequences"][0]["cached"] == expected[i % 6][0].cached);
  }
}

TEST_CASE("without rounds, ids and cases are what they were") {
  const std::string text = "name: t\nproblem:\n  sequences: [{query: 16}]\n  heads: {query: 4, kv: 2, dim: 8}\n";
  const Experiment experiment = parse(text + "strategies: [naive_ring]\n");
  const Case& item = experiment.cases.at(0);
  CHECK(!item.round);
  CHECK(item.rounds == nullptr);
  CHECK(nlohmann::json::parse(item.canonical)["problem"]["rounds"] == 1);
}

TEST_CASE("every strategy's rounds are proved, and no cached token ever moves to another rank's cache") {
  for (const char* placement : {"native", "tokens", "zigzag", "heads"}) {
    for (const char* cluster : {"{sp: 4}", "{sp: 3, tp: 2}", "{sp: 1}"}) {
      const std::vector<std::string> overrides = {std::string("problem.placement=") + placement,
                                                  std::string("cluster=") + cluster};
      const Experiment experiment = parse_experiment(kServing, "serving.yaml", overrides, built_vocabulary());
      std::vector<TokenSet> before;
      for (const Case& item : experiment.cases) {
        INFO(item.strategy << " " << placement << " " << cluster << " round " << *item.round);
        const PlannedCase planned = plan_case(item);
        CAPTURE(planned.outcome.reason);
        REQUIRE(planned.is_proved());
        const auto ranks = static_cast<size_t>(item.cluster.sp);
        if (*item.round == 0) before.assign(ranks, {});
        for (size_t rank = 0; rank < ranks; ++rank) {
          const TokenSet held = held_by(planned, rank);
          const TokenSet cached = subtract(kv_set(item.problem), query_set(item.problem));
          if (*item.round > 0 && std::string(placement) != "heads") CHECK(intersect(held, cached) == before[rank]);
          before[rank] = held;
        }
      }
    }
  }
}

TEST_CASE("a round with a strategy of its own goes on where the others left K and V") {
  const std::string trace =
      "problem.rounds=[{query: [70, 9]}, {query: [1, 1], strategy: {split_kv: {combine: tree}}}, "
      "{query: [1, 3], strategy: split_kv}, {query: [20, 0]}]";
  const std::vector<std::string> overrides = {trace, "strategies=[balanced_ring, {all_gather: {layout: zigzag}}]"};
  const Experiment experiment = parse_experiment(kServing, "serving.yaml", overrides, built_vocabulary());
  REQUIRE(experiment.cases.size() == 8);
  std::vector<TokenSet> before;
  for (const Case& item : experiment.cases) {
    const bool is_own = *item.round == 1 || *item.round == 2;
    CHECK((item.strategy == "split_kv") == is_own);
    if (is_own) CHECK(item.options.at("combine") == (*item.round == 1 ? "tree" : "all_to_all"));
    const PlannedCase planned = plan_case(item);
    CAPTURE(item.strategy, *item.round, planned.outcome.reason);
    REQUIRE(planned.is_proved());
    if (*item.round == 0) before.assign(4, {});
    const TokenSet cached = subtract(kv_set(item.problem), query_set(item.problem));
    for (size_t rank = 0; rank < 4; ++rank) {
      const TokenSet held = held_by(planned, rank);
      if (*item.round > 0) CHECK(intersect(held, cached) == before[rank]);
      before[rank] = held;
    }
  }
  // As a file of its own, a row's case is the same case.
  const nlohmann::json said = nlohmann::json::parse(experiment.cases[0].canonical);
  CHECK(said["problem"]["rounds"][1]["strategy"]["split_kv"]["combine"] == "tree");
}

TEST_CASE("rounds planned out of turn are planned alike") {
  const Experiment experiment = parse_experiment(kServing, "serving.yaml", {}, built_vocabulary());
  const Case& decode = experiment.cases.at(4);
  const Case& extend = experiment.cases.at(1);
  const auto late = plan_case(decode).schedule;
  const auto early = plan_case(extend).schedule;
  REQUIRE(late);
  REQUIRE(early);
  CHECK(*plan_case(decode).schedule == *late);
  CHECK(*plan_case(extend).schedule == *early);
}

TEST_CASE("a round's inputs are those of the whole") {
  const Experiment experiment = parse_experiment(kServing, "serving.yaml", {}, built_vocabulary());
  const Case& item = experiment.cases.at(2);
  for (const InputKind kind : {InputKind::gauss, InputKind::count, InputKind::needle}) {
    const GeneratedInputs whole(whole_problem(item), kind, 1);
    const RoundInputs round(item.problem, std::make_unique<GeneratedInputs>(whole_problem(item), kind, 1));
    std::vector<float> a(16), b(16);
    for (const InputTensor tensor : {InputTensor::q, InputTensor::k, InputTensor::v}) {
      whole.read(tensor, {0, 103, 104}, 1, a.data());
      round.read(tensor, {0, 103, 104}, 1, b.data());
      CHECK(a == b);
    }
    CHECK(round.kind() == kind);
    ReferenceRow row;
    CHECK(round.known_answer({0, 103, 1}, row) == (kind != InputKind::gauss));
  }
  Case full = item;
  full.problem.mask.kind = MaskKind::full;
  const RoundInputs round(full.problem, std::make_unique<GeneratedInputs>(whole_problem(full), InputKind::count, 1));
  ReferenceRow row;
  CHECK(!round.known_answer({0, 103, 1}, row));
}
