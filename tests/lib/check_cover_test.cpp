#include "lib/check_cover.h"

#include "tests/catch.h"
#include "tests/lib/random_plan.h"

#include <map>
#include <tuple>

namespace ringfold {
namespace {

bool visible(const Mask& mask, int64_t query, int64_t key) {
  if (mask.kind == MaskKind::full) return true;
  return key <= query && (mask.kind == MaskKind::causal || key > query - mask.window);
}

/// Every (sequence, query, head, key) on its own.
class PairMap {
 public:
  explicit PairMap(const Problem& problem) : problem_(problem) {}

  /// Returns whether a pair was there already.
  bool add(const TokenSet& queries, const HeadRange& heads, const TokenSet& keys) {
    bool doubled = false;
    for_queries(queries, heads, [&](int64_t sequence, int64_t query, int64_t head) {
      for (const TokenRange& range : keys.ranges()) {
        for (int64_t key = range.begin; range.sequence == sequence && key < range.end; ++key) {
          if (!visible(problem_.mask, query, key)) continue;
          doubled = !pairs_.insert({{sequence, query, head, key}, true}).second || doubled;
        }
      }
    });
    return doubled;
  }

  bool misses(const TokenSet& queries, const HeadRange& heads) const {
    bool misses = false;
    for_queries(queries, heads, [&](int64_t sequence, int64_t query, int64_t head) {
      for (int64_t key = 0; key < problem_.sequences[static_cast<size_t>(sequence)].length(); ++key) {
        misses = misses || (visible(problem_.mask, query, key) && !pairs_.contains({sequence, query, head, key}));
      }
    });
    return misses;
  }

 private:
  template <typename Visit>
  static void for_queries(const TokenSet& queries, const HeadRange& heads, Visit&& visit) {
    for (const TokenRange& range : queries.ranges()) {
      for (int64_t query = range.begin; query < range.end; ++query) {
        for (int64_t head = heads.begin; head < heads.end; ++head) visit(range.sequence, query, head);
      }
    }
  }

  const Problem& problem_;
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t>, bool> pairs_;
};

TokenSet some_of(const TokenSet& whole, Dice& dice) {
  std::vector<TokenRange> ranges;
  for (const TokenRange& range : whole.ranges()) {
    const int64_t begin = dice.between(range.begin, range.end - 1);
    if (!dice.one_in(3)) ranges.push_back({range.sequence, begin, dice.between(begin + 1, range.end)});
  }
  return TokenSet(std::move(ranges));
}

HeadRange some_heads(const Problem& problem, Dice& dice) {
  const int64_t begin = dice.below(problem.heads.query);
  return {begin, dice.between(begin + 1, problem.heads.query)};
}

TEST_CASE("cells know exactly which pairs are covered, doubled and missing") {
  int doubled = 0;
  int complete = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Dice dice(seed);
    const Problem problem = random_problem(dice);
    const TokenSet queries = query_set(problem);
    if (queries.empty()) continue;
    PairMap pairs(problem);
    Cover cover(problem);
    for (int step = 0; step < 6; ++step) {
      const TokenSet q = some_of(queries, dice);
      const TokenSet keys = some_of(kv_set(problem), dice);
      const HeadRange heads = some_heads(problem, dice);
      CAPTURE(seed, step, to_string(problem.mask), to_string(q), to_string(keys), to_string(heads));
      const auto again = cover.add(q, heads, keys);
      REQUIRE(again.has_value() == pairs.add(q, heads, keys));
      doubled += again ? 1 : 0;
      REQUIRE(cover.missing(q, heads).has_value() == pairs.misses(q, heads));
    }
    // Whatever is left, added to another cover that has the rest, makes it whole.
    cover.add(queries, {0, problem.heads.query}, kv_set(problem));
    REQUIRE_FALSE(cover.missing(queries, {0, problem.heads.query}).has_value());
    Cover other(problem);
    const TokenSet half = some_of(queries, dice);
    REQUIRE_FALSE(other.add(cover, half, {0, 1}).has_value());
    REQUIRE_FALSE(other.missing(half, {0, 1}).has_value());
    REQUIRE(other.add(cover, queries, {0, 1}).has_value() == !half.empty());
    ++complete;
  }
  CHECK(doubled > 100);
  CHECK(complete > 200);
}

}  // namespace
}  // namespace ringfold
