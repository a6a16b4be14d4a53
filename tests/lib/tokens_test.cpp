#include "lib/tokens.h"

#include "tests/catch.h"

using ringfold::TokenSet;

TEST_CASE("a token set sorts, joins and drops ranges") {
  const TokenSet tokens({{1, 4, 6}, {0, 0, 2}, {0, 2, 5}, {0, 7, 7}});
  CHECK(to_string(tokens) == "0:[0,5) 1:[4,6)");
  CHECK(tokens.size() == 7);
}
