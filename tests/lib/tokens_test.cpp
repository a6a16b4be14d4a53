#include "lib/tokens.h"

#include "tests/catch.h"

#include <random>
#include <set>
#include <utility>

namespace ringfold {
namespace {

using Tokens = std::set<std::pair<int64_t, int64_t>>;

Tokens members(const TokenSet& set) {
  Tokens tokens;
  for (const TokenRange& range : set.ranges()) {
    for (int64_t p = range.begin; p < range.end; ++p) tokens.insert({range.sequence, p});
  }
  return tokens;
}

TokenSet random_set(std::mt19937& random) {
  std::vector<TokenRange> ranges(random() % 6);
  for (TokenRange& range : ranges) {
    const auto begin = static_cast<int64_t>(random() % 20);
    range = {static_cast<int64_t>(random() % 3), begin, begin + static_cast<int64_t>(random() % 6)};
  }
  return TokenSet(ranges);
}

TEST_CASE("token sets are kept sorted, joined and without empty ranges") {
  const TokenSet set({{1, 4, 6}, {0, 5, 9}, {0, 2, 5}, {1, 6, 6}, {1, 5, 8}, {0, 12, 11}});
  CHECK(to_string(set) == "0:[2,9) 1:[4,8)");
  CHECK(set.size() == 11);
  CHECK(to_string(TokenSet()) == "none");
  CHECK(to_string(TokenSet({{0, 0, 1}, {0, 2, 3}, {0, 4, 5}}), 2) == "0:[0,1) 0:[2,3) and 1 more");
}

TEST_CASE("set operations on token sets agree with sets of single tokens") {
  std::mt19937 random(7);
  for (int trial = 0; trial < 3000; ++trial) {
    const TokenSet a = random_set(random);
    const TokenSet b = random_set(random);
    const Tokens in_a = members(a);
    const Tokens in_b = members(b);
    Tokens both, either = in_a, only_a;
    either.insert(in_b.begin(), in_b.end());
    for (const auto& token : in_a) (in_b.count(token) ? both : only_a).insert(token);
    REQUIRE(members(intersect(a, b)) == both);
    REQUIRE(members(unite(a, b)) == either);
    REQUIRE(members(subtract(a, b)) == only_a);
    REQUIRE(a.contains(b) == (both == in_b));
    REQUIRE((a == b) == (in_a == in_b));
    REQUIRE(a.size() == static_cast<int64_t>(in_a.size()));
    const auto sequence = static_cast<int64_t>(random() % 4);
    const auto position = static_cast<int64_t>(random() % 30);
    const auto before = std::distance(in_a.begin(), in_a.lower_bound({sequence, position}));
    REQUIRE(a.row_of(sequence, position) == before);
  }
}

TEST_CASE("token sets hold positions beyond 32 bits") {
  const int64_t far = int64_t{1} << 40;
  const TokenSet set = TokenSet::range(0, far, 2 * far);
  CHECK(set.size() == far);
  CHECK(set.row_of(0, far + 5) == 5);
  CHECK(subtract(set, TokenSet::range(0, far + 1, 2 * far)).size() == 1);
}

TEST_CASE("head ranges intersect and contain") {
  CHECK(intersect(HeadRange{0, 4}, HeadRange{2, 6}) == HeadRange{2, 4});
  CHECK(intersect(HeadRange{0, 2}, HeadRange{3, 6}).empty());
  CHECK(HeadRange{0, 4}.contains({1, 4}));
  CHECK_FALSE(HeadRange{0, 4}.contains({3, 5}));
  CHECK(HeadRange{0, 4}.contains({9, 9}));
}

}  // namespace
}  // namespace ringfold
