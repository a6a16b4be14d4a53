#include "lib/problem.h"

#include "tests/catch.h"

#include <random>

namespace ringfold {
namespace {

bool sees(const Mask& mask, int64_t query, int64_t key) {
  switch (mask.kind) {
    case MaskKind::full: return true;
    case MaskKind::causal: return key <= query;
    case MaskKind::window: return key <= query && key > query - mask.window;
  }
  return false;
}

TEST_CASE("visible pairs agree with counting them one by one") {
  std::mt19937 random(11);
  const auto draw = [&](int64_t limit) { return static_cast<int64_t>(random() % static_cast<uint64_t>(limit)); };
  for (int trial = 0; trial < 4000; ++trial) {
    const Mask mask{static_cast<MaskKind>(draw(3)), 1 + draw(9)};
    std::vector<TokenRange> queries, keys;
    for (auto* ranges : {&queries, &keys}) {
      for (int64_t i = draw(4); i > 0; --i) {
        const int64_t begin = draw(15);
        ranges->push_back({draw(2), begin, begin + draw(8)});
      }
    }
    const TokenSet query_tokens(queries), key_tokens(keys);
    int64_t pairs = 0;
    for (const TokenRange& query : query_tokens.ranges()) {
      for (const TokenRange& key : key_tokens.ranges()) {
        if (query.sequence != key.sequence) continue;
        for (int64_t i = query.begin; i < query.end; ++i) {
          for (int64_t j = key.begin; j < key.end; ++j) pairs += sees(mask, i, j) ? 1 : 0;
        }
      }
    }
    REQUIRE(visible_pairs(mask, query_tokens, key_tokens) == pairs);
  }
}

TEST_CASE("visible pairs stay exact for a billion tokens") {
  const int64_t n = int64_t{1} << 30;
  const TokenSet all = TokenSet::range(0, 0, n);
  CHECK(visible_pairs({MaskKind::causal, 0}, all, all) == n / 2 * (n + 1));
  CHECK(visible_pairs({MaskKind::full, 0}, all, all) == n * n);
}

TEST_CASE("new tokens stand after the cached ones") {
  Problem problem;
  problem.sequences = {{4, 0}, {0, 3}, {2, 5}};
  problem.heads = {28, 7, 64};
  CHECK(to_string(query_set(problem)) == "0:[0,4) 2:[5,7)");
  CHECK(to_string(kv_set(problem)) == "0:[0,4) 1:[0,3) 2:[0,7)");
  CHECK(problem.query_tokens() == 6);
  CHECK(problem.kv_tokens() == 14);
  CHECK(problem.softmax_scale() == 0.125);
}

TEST_CASE("query heads read the kv heads of their groups") {
  Problem problem;
  problem.heads = {28, 7, 64};
  CHECK(kv_heads_of(problem, {0, 28}) == HeadRange{0, 7});
  CHECK(kv_heads_of(problem, {13, 15}) == HeadRange{3, 4});
  CHECK(kv_heads_of(problem, {11, 13}) == HeadRange{2, 4});
  CHECK(kv_heads_of(problem, {4, 4}).empty());
}

TEST_CASE("visible keys of one query follow the mask") {
  Problem problem;
  problem.sequences = {{4, 6}};
  CHECK(visible_keys(problem, 0, 7) == TokenRange{0, 0, 8});
  problem.mask = {MaskKind::full, 0};
  CHECK(visible_keys(problem, 0, 7) == TokenRange{0, 0, 10});
  problem.mask = {MaskKind::window, 3};
  CHECK(visible_keys(problem, 0, 7) == TokenRange{0, 5, 8});
}

}  // namespace
}  // namespace ringfold
