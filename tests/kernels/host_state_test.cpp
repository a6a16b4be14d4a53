#include "kernels/host_state.h"

#include "kernels/rows.h"
#include "lib/dtype.h"
#include "tests/catch.h"
#include "tests/kernels/attend_case.h"

#include <bit>
#include <cmath>
#include <limits>

using namespace ringfold;
using namespace ringfold::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Merged {
  float o = 0.0f;
  float lse = 0.0f;
};

Merged merge_pair(Merged a, Merged b) {
  double sums[1];
  Merged result;
  const StateRow rows[] = {{&a.o, a.lse}, {&b.o, b.lse}};
  result.lse = merge_rows(rows, 1, sums, &result.o);
  return result;
}

// A state over tokens and heads, each value told by `value(head, position)`.
struct State {
  Plane o;
  Plane lse;
  State(const TokenSet& tokens, HeadRange heads, int64_t dim)
      : o(DType::fp32, tokens, heads, dim, 1), lse(DType::fp32, tokens, heads, 1) {}
  void set(int64_t head, int64_t row, std::vector<float> values, float row_lse) {
    o.write(head, row, values);
    lse.write(head, row, {row_lse});
  }
  StateTensor tensor() const { return {o.tensor(), lse.tensor()}; }
};

}  // namespace

TEST_CASE("merging is exact at the edges") {
  SECTION("two empty states are empty") {
    const Merged merged = merge_pair({0.0f, -kInfinity}, {0.0f, -kInfinity});
    CHECK(std::bit_cast<uint32_t>(merged.o) == 0u);
    CHECK(merged.lse == -kInfinity);
  }
  SECTION("an empty state changes no bit, whatever its O") {
    const Merged some{0.1f, -3.7f};
    for (const Merged& empty : {Merged{0.0f, -kInfinity}, Merged{kNan, -kInfinity}}) {
      for (const Merged& merged : {merge_pair(some, empty), merge_pair(empty, some)}) {
        CHECK(merged.o == some.o);
        CHECK(merged.lse == some.lse);
      }
    }
  }
  SECTION("LSEs far apart: the larger wins wholly, without overflow") {
    for (const auto& [low, high] : {std::pair{-1e4f, 0.0f}, std::pair{0.0f, 1e4f}, std::pair{-3e38f, 3e38f},
                                    std::pair{1e38f, 3e38f}, std::pair{-3e38f, -1e38f}}) {
      const Merged merged = merge_pair({5.0f, low}, {7.0f, high});
      CHECK(merged.o == 7.0f);
      CHECK(merged.lse == high);
    }
  }
  SECTION("equal LSEs of any size average") {
    for (const float lse : {0.0f, -1e4f, 3e38f, -3e38f}) {
      const Merged merged = merge_pair({1.0f, lse}, {2.0f, lse});
      CHECK(merged.o == 1.5f);
      CHECK(merged.lse == static_cast<float>(static_cast<double>(lse) + std::log(2.0)));
    }
  }
  SECTION("the base is e") {
    CHECK(merge_pair({0.0f, 0.0f}, {1.0f, 1.0f}).o == Catch::Approx(1 / (1 + std::exp(-1.0))));
  }
  SECTION("a NaN is kept") {
    CHECK(std::isnan(merge_pair({1.0f, kNan}, {2.0f, 0.0f}).lse));
    CHECK(std::isnan(merge_pair({1.0f, 0.0f}, {2.0f, kNan}).lse));
    CHECK(std::isnan(merge_pair({kNan, 0.0f}, {2.0f, 0.0f}).o));
  }
}

TEST_CASE("many rows merge as their sum does") {
  std::vector<float> values(40), lses(40);
  std::vector<StateRow> rows;
  double total = 0.0, sum = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<float>(i) * 3.0f);
    lses[i] = 20.0f * std::cos(static_cast<float>(i));
    rows.push_back({&values[i], lses[i]});
    total += std::exp(static_cast<double>(lses[i]));
    sum += std::exp(static_cast<double>(lses[i])) * static_cast<double>(values[i]);
  }
  double sums[1];
  float o = 0.0f;
  CHECK(static_cast<double>(merge_rows(rows, 1, sums, &o)) == Catch::Approx(std::log(total)).epsilon(0x1p-23));
  CHECK(static_cast<double>(o) == Catch::Approx(sum / total).epsilon(0x1p-23));
}

TEST_CASE("a merge places the rows and heads of its parts; what no part holds is empty") {
  const TokenSet all({{0, 0, 6}, {1, 2, 5}});
  State whole(all, {0, 3}, 2);
  State left(TokenSet({{0, 1, 4}, {1, 4, 5}}), {0, 2}, 2);
  State right(TokenSet({{0, 3, 5}, {2, 0, 9}}), {1, 3}, 2);
  for (int64_t head = 0; head < 2; ++head) {
    for (int64_t row = 0; row < 4; ++row) left.set(head, row, {1.0f, 10.0f * static_cast<float>(row)}, 0.0f);
  }
  for (int64_t head = 1; head < 3; ++head) {
    for (int64_t row = 0; row < 11; ++row) right.set(head, row, {3.0f, -1.0f}, 0.0f);
  }
  merge_on_host({{left.tensor(), right.tensor()}, whole.tensor(), 2});
  CHECK(whole.o.poison_intact());
  CHECK(whole.lse.poison_intact());

  const float ln2 = std::log(2.0f);
  // Rows of `whole`: positions 0..5 of sequence 0, then 2..4 of sequence 1.
  constexpr float none = -kInfinity;
  const std::vector<std::vector<float>> expected = {{none, 0, 0, 0, none, none, none, none, 0},
                                                    {none, 0, 0, ln2, 0, none, none, none, 0},
                                                    {none, none, none, 0, 0, none, none, none, none}};
  for (int64_t head = 0; head < 3; ++head) {
    for (int64_t row = 0; row < 9; ++row) {
      INFO("head " << head << " row " << row);
      CHECK(whole.lse.read(head, row)[0] == expected[static_cast<size_t>(head)][static_cast<size_t>(row)]);
    }
  }
  CHECK(whole.o.read(1, 3) == std::vector<float>{2.0f, 9.5f});
  CHECK(whole.o.read(0, 8) == std::vector<float>{1.0f, 30.0f});
  CHECK(whole.o.read(2, 0) == std::vector<float>{0.0f, 0.0f});
}

TEST_CASE("finishing rounds to nearest, ties to even") {
  const TokenSet tokens({{0, 0, 1}, {3, 5, 7}});
  State state(tokens, {2, 4}, 3);
  const std::vector<float> values = {1.0f + 0x1p-8f, 1.0f + 3 * 0x1p-8f, -(1.0f + 0x1p-9f)};
  for (int64_t head = 2; head < 4; ++head) {
    for (int64_t row = 0; row < 3; ++row) state.set(head, row, values, static_cast<float>(10 * head + row));
  }
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    for (const Layout layout : {Layout::heads_outer, Layout::tokens_outer}) {
      Plane out(dtype, TokenSet::range(3, 5, 7), {3, 4}, 3, 0, layout);
      Plane lse(DType::fp32, TokenSet::range(3, 5, 7), {3, 4}, 1);
      finish_on_host({state.tensor(), out.tensor(), lse.tensor(), 3});
      CHECK(out.poison_intact());
      CHECK(lse.read(3, 0)[0] == 31.0f);
      CHECK(lse.read(3, 1)[0] == 32.0f);
      const std::vector<float> row = out.read(3, 1);
      if (dtype == DType::bf16) {
        CHECK(row == std::vector<float>{1.0f, 1.0f + 4 * 0x1p-8f, -1.0f});
      } else {
        CHECK(row == values);
      }
    }
  }
}

TEST_CASE("a copy moves the rows of the same positions and heads, bit by bit") {
  const Layout layout = GENERATE(Layout::heads_outer, Layout::tokens_outer);
  const int64_t padding = GENERATE(0, 3);
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    Plane from(dtype, TokenSet({{0, 2, 4}, {1, 0, 2}}), {1, 3}, 2, padding, layout);
    for (int64_t head = 1; head < 3; ++head) {
      for (int64_t row = 0; row < 4; ++row) from.write(head, row, {static_cast<float>(10 * head + row), 0.5f});
    }
    Plane to(dtype, TokenSet({{0, 0, 5}, {1, 0, 1}, {1, 1, 3}}), {0, 3}, 2);
    copy_on_host({from.tensor(), to.tensor(), 2});
    CHECK(to.poison_intact());
    for (int64_t head = 1; head < 3; ++head) {
      CHECK(to.read(head, 2) == std::vector<float>{static_cast<float>(10 * head), 0.5f});
      CHECK(to.read(head, 3) == std::vector<float>{static_cast<float>(10 * head + 1), 0.5f});
      CHECK(to.read(head, 5) == std::vector<float>{static_cast<float>(10 * head + 2), 0.5f});
      CHECK(to.read(head, 6) == std::vector<float>{static_cast<float>(10 * head + 3), 0.5f});
      CHECK(std::isnan(to.read(head, 0)[0]));
    }
    CHECK(std::isnan(to.read(0, 2)[0]));
  }
}
