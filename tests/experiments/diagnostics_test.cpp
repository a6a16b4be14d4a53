#include "experiments/diagnostics.h"

#include "tests/catch.h"

using namespace ringfold;

TEST_CASE("errors come in the order of their places, each once; overrides after the file") {
  Diagnostics diagnostics;
  CHECK_NOTHROW(diagnostics.throw_if_any("f"));
  diagnostics.add({1, 1, 7}, "o");
  diagnostics.add({0, 10, 1}, "c");
  diagnostics.add({0, 9, 2}, "b");
  diagnostics.add({0, 9, 1}, "a");
  diagnostics.add({0, 9, 2}, "b");
  CHECK_THROWS_WITH(diagnostics.throw_if_any("f"),
                    "f:9:1: error: a\nf:9:2: error: b\nf:10:1: error: c\noverride:1:7: error: o");
}

TEST_CASE("an error is one line without controls, whatever it quotes") {
  Diagnostics diagnostics;
  diagnostics.add({0, 1, 1}, "tensor '\x1b[31m\n' has no shape");
  CHECK_THROWS_WITH(diagnostics.throw_if_any("f"), "f:1:1: error: tensor '\\x1b[31m\\n' has no shape");
}

TEST_CASE("quoted texts fit on one line") {
  CHECK(in_quotes("a b") == "'a b'");
  CHECK(in_quotes("a\nb\x1b") == "'a\\nb\\x1b'");
  CHECK(in_quotes(std::string(61, 'x')) == "'" + std::string(60, 'x') + "...'");
  // A character is not cut in two.
  CHECK(in_quotes(std::string(59, 'x') + "\xC3\xA4y") == "'" + std::string(59, 'x') + "\xC3\xA4...'");
}

TEST_CASE("the nearest name is suggested") {
  const std::vector<std::string> names = {"sequences", "heads", "mask", "rope"};
  CHECK(suggestion("maks", names) == "did you mean 'mask'? ");
  CHECK(suggestion("head", names) == "did you mean 'heads'? ");
  CHECK(suggestion("sequence", names) == "did you mean 'sequences'? ");
  CHECK(suggestion("bibliography", names).find("nearest is '") == 0);
  CHECK(suggestion("", names).empty());
  CHECK(suggestion("mask", {}).empty());
  CHECK(suggestion(std::string(1000, 'm'), names).empty());
}
