#include "lib/check_tiling.h"

#include "tests/catch.h"

namespace ringfold {
namespace {

const TokenSet kArea({{0, 2, 8}, {3, 0, 4}});

Tile tile(std::vector<TokenRange> ranges, HeadRange heads, int rank) {
  return {TokenSet(std::move(ranges)), heads, rank, 0};
}

TEST_CASE("tiles that cover an area once have no fault") {
  CHECK_FALSE(tiling_fault({tile({{0, 2, 8}, {3, 0, 4}}, {0, 4}, 0)}, kArea, {0, 4}).has_value());
  const std::vector<Tile> bricks = {tile({{0, 2, 5}}, {0, 4}, 0), tile({{0, 5, 8}, {3, 0, 1}}, {0, 1}, 1),
                                    tile({{0, 5, 8}, {3, 0, 1}}, {1, 4}, 2), tile({{3, 1, 4}}, {0, 2}, 3),
                                    tile({{3, 1, 4}}, {2, 4}, 4)};
  CHECK_FALSE(tiling_fault(bricks, kArea, {0, 4}).has_value());
  CHECK_FALSE(tiling_fault({}, TokenSet(), {0, 4}).has_value());
}

TEST_CASE("what nobody holds is named") {
  const auto fault =
      tiling_fault({tile({{0, 2, 8}, {3, 0, 4}}, {0, 2}, 0), tile({{0, 2, 8}, {3, 3, 4}}, {2, 4}, 1)}, kArea, {0, 4});
  REQUIRE(fault.has_value());
  CHECK(fault->first == nullptr);
  CHECK(fault->tokens == TokenRange{3, 0, 3});
  CHECK(fault->heads == HeadRange{2, 4});
  REQUIRE(tiling_fault({}, kArea, {0, 4}).has_value());
}

TEST_CASE("what two tiles hold is named, and both of them") {
  const std::vector<Tile> tiles = {tile({{0, 2, 8}, {3, 0, 4}}, {0, 4}, 0), tile({{0, 6, 7}}, {1, 2}, 1)};
  const auto fault = tiling_fault(tiles, kArea, {0, 4});
  REQUIRE(fault.has_value());
  CHECK(fault->tokens == TokenRange{0, 6, 7});
  CHECK(fault->heads == HeadRange{1, 2});
  CHECK(fault->first->rank == 0);
  CHECK(fault->second->rank == 1);
}

}  // namespace
}  // namespace ringfold
