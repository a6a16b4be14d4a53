// docs/adding.md shows tests/examples/direct_shift.cpp, and the test below: what is read there compiles and passes.
#include "lib/check.h"
#include "tests/catch.h"
#include "tests/strategies/plan_model.h"

#include <fstream>
#include <sstream>

extern const ringfold::StrategyInfo strategy_info_direct_shift;

namespace ringfold {
namespace {

TEST_CASE("direct_shift is proved, whatever the problem") {
  for (const Problem& problem : ugly_problems()) {
    for (const int ranks : {1, 2, 3, 4, 7}) {
      INFO(describe(problem, {ranks, 1}));
      CHECK(check(plan_with(strategy_info_direct_shift, {}, problem, {ranks, 1})).summary() == "proved");
    }
  }
}

std::string text_of(const std::string& path) {
  std::ifstream file(source_root() + "/" + path);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The code blocks of a page that are marked ```cpp.
std::vector<std::string> code_blocks(const std::string& page) {
  const std::string open = "\n```cpp\n";
  std::vector<std::string> blocks;
  for (size_t at = page.find(open); at != std::string::npos; at = page.find(open, at + 1)) {
    const size_t begin = at + open.size();
    blocks.push_back(page.substr(begin, page.find("```", begin) - begin));
  }
  return blocks;
}

TEST_CASE("docs/adding.md shows the code that is compiled here") {
  const std::vector<std::string> blocks = code_blocks(text_of("docs/adding.md"));
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0] == text_of("tests/examples/direct_shift.cpp"));
  // A strategy of the table is found by its name; this one is not in it.
  std::string test = blocks[1];
  const std::string name = "\"direct_shift\"";
  REQUIRE(test.find(name) != std::string::npos);
  test.replace(test.find(name), name.size(), "strategy_info_direct_shift");
  CHECK(text_of("tests/strategies/adding_test.cpp").find(test) != std::string::npos);
}

TEST_CASE("the strategy of docs/adding.md sends half of what a ring sends") {
  Problem problem;
  problem.sequences = {{1024, 0}};
  problem.heads = {8, 2, 16};
  const std::vector<int64_t> sent = sent_bytes(plan_with(strategy_info_direct_shift, {}, problem, {4, 1}));
  const int64_t shard = 256 * 2 * 2 * 16 * 4;
  CHECK(sent == std::vector<int64_t>{3 * shard, 2 * shard, shard, 0});
}

}  // namespace
}  // namespace ringfold
