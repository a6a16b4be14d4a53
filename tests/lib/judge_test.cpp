#include "lib/judge.h"

#include "tests/catch.h"
#include "tests/lib/emulation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

namespace ringfold {
namespace {

Problem ragged_problem() {
  Problem problem;
  problem.sequences = {{90, 0}, {0, 5}, {20, 30}};
  problem.heads = {4, 2, 8};
  return problem;
}

struct Fixture {
  Problem problem = ragged_problem();
  GeneratedInputs inputs{problem, InputKind::gauss, 1};
  Judge judge{inputs, 1e9, {}};
  EmulatedResult result = emulate(inputs, query_set(problem), {3, Fault::none, 8});
  Fixture() { judge.prepare(query_set(problem), {0, 4}); }

  float* out(int64_t head, int64_t token) {
    return reinterpret_cast<float*>(result.out.data()) + (head * 110 + token) * problem.heads.dim;
  }
  std::string failure() const { return judge.failure_of(judge.judge(result.rows, {3, 0}, 7)); }
};

TEST_CASE("a bound that is not finite lets nothing pass, and is the worst there is") {
  const WorstRow vacuous{0.0, std::numeric_limits<double>::infinity(), {0, 7, 0}, 1};
  CHECK_FALSE(vacuous.passed());
  WorstRow worst{0.5, 1.0, {0, 1, 0}, 0};
  CHECK(worst.passed());
  worst.merge(vacuous);
  CHECK_FALSE(worst.passed());
}

TEST_CASE("a failing row is named by sequence, position, head and rank") {
  Fixture correct;
  CHECK(correct.failure() == "");
  Fixture wrong;
  wrong.out(2, 95)[7] += 0.25f;
  const std::string failure = wrong.failure();
  CHECK(failure.rfind("output of sequence 2, position 35, head 2 (rank 7) is off by 0.25, bound ", 0) == 0);
  Fixture shifted;
  shifted.result.lse[1] += 1.0f;
  CHECK(shifted.failure().rfind("lse of sequence 0, position 1, head 0 (rank 7) is off by 1, bound ", 0) == 0);
}

TEST_CASE("a value that is not finite fails wherever it stands, checked or not") {
  for (float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Fixture wrong;
    wrong.out(3, 0)[0] = value;
    CHECK(wrong.failure() == "output of sequence 0, position 0, head 3 (rank 7) is not finite");
    Fixture lse;
    lse.result.lse[5] = -value;
    CHECK(lse.failure() == "lse of sequence 0, position 5, head 0 (rank 7) is not finite");
  }
  Fixture fixture;
  Judge sampled(fixture.inputs, 0, TokenSet::range(0, 40, 41));
  sampled.prepare(query_set(fixture.problem), {0, 4});
  CHECK(sampled.failure_of(sampled.judge(fixture.result.rows, {3, 0}, 0)) == "");
  fixture.out(1, 77)[3] = std::nanf("");
  CHECK(sampled.failure_of(sampled.judge(fixture.result.rows, {3, 0}, 0)) ==
        "output of sequence 0, position 77, head 1 (rank 0) is not finite");
}

TEST_CASE("O and its LSE are judged where they lie, on one rank or on two") {
  Fixture fixture;
  OutputRows only_out = fixture.result.rows;
  only_out.lse = nullptr;
  OutputRows only_lse = fixture.result.rows;
  only_lse.out = nullptr;
  Figures figures = fixture.judge.judge(only_out, {3, 0}, 0);
  CHECK(fixture.judge.failure_of(figures) == "0 rows were compared, but 440 are to be checked");
  figures.merge(fixture.judge.judge(only_lse, {3, 0}, 1));
  CHECK(fixture.judge.failure_of(figures) == "");
  CHECK(fixture.judge.rows_checked(figures) == 110);
  fixture.result.lse[3] += 1.0f;
  CHECK(fixture.judge.failure_of(fixture.judge.judge(only_lse, {3, 0}, 1)).rfind("lse of sequence 0, position 3", 0) ==
        0);
}

TEST_CASE("a row without visible keys must be exactly 0 and -inf") {
  Problem problem;
  problem.sequences = {{3, 0}};
  problem.heads = {1, 1, 2};
  problem.mask = {MaskKind::window, 0};
  for (InputKind kind : {InputKind::gauss, InputKind::count, InputKind::needle}) {
    const GeneratedInputs inputs(problem, kind, 1);
    Judge judge(inputs, 1, {});
    judge.prepare(query_set(problem), {0, 1});
    const float empty = -std::numeric_limits<float>::infinity();
    float out[6] = {};
    float lse[3] = {empty, empty, empty};
    const OutputRows rows{query_set(problem), {0, 1}, DType::fp32, out, 6, 2, lse, 3, 1};
    CHECK(judge.failure_of(judge.judge(rows, {}, 0)) == "");
    lse[1] = -1e30f;
    CHECK(judge.failure_of(judge.judge(rows, {}, 0)) ==
          "lse of sequence 0, position 1, head 0 (rank 0) sees no key and must be -inf, not -1e+30");
    lse[1] = empty;
    out[5] = 1e-38f;
    CHECK(judge.failure_of(judge.judge(rows, {}, 0)) ==
          "output of sequence 0, position 2, head 0 (rank 0) sees no key and must be 0");
  }
}

TEST_CASE("figures of ranks merge in any order, by way of bytes, to those of the whole") {
  const Fixture fixture;
  const Figures whole = fixture.judge.judge(fixture.result.rows, {3, 0}, 0);
  std::vector<Figures> parts;
  for (int64_t head = 0; head < 4; ++head) {
    for (const TokenSet& tokens : {TokenSet::range(0, 0, 90), TokenSet::range(2, 30, 50)}) {
      OutputRows rows = fixture.result.rows;
      const int64_t first = head * 110 + query_set(fixture.problem).row_of(tokens.ranges()[0].sequence, 30) -
                            (tokens.ranges()[0].sequence == 0 ? 30 : 0);
      rows.tokens = tokens;
      rows.heads = {head, head + 1};
      rows.out = static_cast<const float*>(rows.out) + first * 8;
      rows.lse += first;
      parts.push_back(fixture.judge.judge(rows, {3, 0}, 0));
    }
  }
  for (int order = 0; order < 2; ++order) {
    Figures merged;
    for (const Figures& part : parts) merged.merge(Figures::parse(part.serialize()));
    CHECK(merged.serialize() == whole.serialize());
    CHECK(fixture.judge.failure_of(merged) == "");
    CHECK(fixture.judge.rows_checked(merged) == 110);
    std::reverse(parts.begin(), parts.end());
  }
  parts.pop_back();
  Figures incomplete;
  for (const Figures& part : parts) incomplete.merge(part);
  CHECK(fixture.judge.failure_of(incomplete) == "420 rows were compared, but 440 are to be checked");
  std::vector<std::byte> torn = whole.serialize();
  torn.pop_back();
  CHECK_THROWS(Figures::parse(torn));
}

TEST_CASE("broken rows and 16-bit groups survive the way through bytes") {
  Figures figures;
  figures.add_broken("first");
  figures.groups[{3, 1}] = {4.0, 64};
  const Figures back = Figures::parse(figures.serialize());
  CHECK(back.broken == figures.broken);
  CHECK(worst_rms(back).rms == Catch::Approx(0.25));
  CHECK(failure_of(back) == "first");
}

TEST_CASE("groups of fewer than 64 rows are pooled by head, then all together") {
  Figures figures;
  for (int64_t head = 0; head < 2; ++head) {
    for (int64_t block = 0; block < 2; ++block) figures.groups[{head, block}] = {4.0 * 20, 20};
  }
  CHECK(worst_rms(figures).rms == Catch::Approx(2.0));
  CHECK(worst_rms(figures).rows == 80);
  CHECK(failure_of(figures) == "output of all heads: the rms error of 80 rows is 2 times what the dtype allows");
  figures.groups[{1, 2}] = {9.0 * 64, 64};
  CHECK(worst_rms(figures).where == "head 1, block 2 of checked rows");
  figures.groups = {{{0, 0}, {100.0, 63}}};
  CHECK(failure_of(figures) == "");
}

TEST_CASE("beyond the budget a seeded sample is checked, with every edge, the same each time") {
  Problem problem;
  problem.sequences = {{20000, 0}, {3000, 1000}};
  problem.heads = {2, 1, 32};
  const TokenSet edges({{0, 4999, 5001}, {1, 1000, 1001}, {1, 0, 2}});
  const GeneratedInputs inputs(problem, InputKind::gauss, 1);
  const Judge judge(inputs, 0.1, edges);
  CHECK(judge.checked().contains(TokenSet({{0, 4999, 5001}, {1, 1000, 1001}})));
  CHECK(query_set(problem).contains(judge.checked()));
  CHECK(judge.checked() == Judge(inputs, 0.1, edges).checked());
  CHECK(judge.planned_seconds() < 0.2);
  CHECK(judge.planned_seconds() > 0.05);
  CHECK(Judge(inputs, 1e9, edges).checked() == query_set(problem));
  for (InputKind kind : {InputKind::count, InputKind::needle}) {
    const GeneratedInputs known(problem, kind, 1);
    CHECK(Judge(known, 0.1, edges).checked() == query_set(problem));
  }
}

TEST_CASE("ranks that prepare and judge their own rows at once agree with one that does all") {
  const Fixture fixture;
  Judge judge(fixture.inputs, 1e9, {});
  std::vector<std::thread> ranks;
  for (int64_t rank = 0; rank < 4; ++rank) {
    ranks.emplace_back([&, rank] {
      judge.prepare(query_set(fixture.problem), {rank, rank + 1});
      judge.prepare(TokenSet::range(0, 0, 50), {0, 4});
    });
  }
  for (std::thread& rank : ranks) rank.join();
  CHECK(judge.judge(fixture.result.rows, {3, 0}, 0).serialize() ==
        fixture.judge.judge(fixture.result.rows, {3, 0}, 0).serialize());
}

}  // namespace
}  // namespace ringfold
