// Files with random faults: each is accepted or refused with places, and nothing else happens.

#include "tests/experiments/words.h"

#include <random>

using namespace ringfold;

namespace {

const std::string kSeed = R"(# comment
name: quickstart
problem:
  sequences: [{query: 4096}, {query: 100, cached: 1000}]
  heads: {query: 8, kv: 2, dim: 64}
  mask: {window: 1024}
  scale: 0.125
  rope: {theta: 5e5, style: "half"}
cluster: {sp: 4, tp: 1}
strategies:
  - naive_ring
  - balanced_ring: {heads: 'contiguous'}
  - {all_gather: {layout: zigzag}}
measure: {warmup: 2, repeats: 5, ideal: false}
passes: {fuse: auto}
sweep:
  cluster.sp: [2, 4]
  problem.sequences.0.query: [1Ki, 2Ki]
)";

const std::vector<std::string> kPieces = {"\n",        "  ",
                                          "\t",        ":",
                                          ": ",        "- ",
                                          "? ",        "{",
                                          "}",         "[",
                                          "]",         ",",
                                          "'",         "\"",
                                          "#",         "&a ",
                                          "*a",        "!!int ",
                                          "|\n",       ">\n",
                                          "%",         "---\n",
                                          "...\n",     "\\",
                                          "@",         "`",
                                          "~",         "null",
                                          "<<: ",      "9223372036854775808",
                                          "-1",        "\xC3\xA4",
                                          "\xFF",      std::string(1, '\0'),
                                          "\x04",      "\xE2\x80\xA8",
                                          "sweep",     "problem.heads",
                                          "cluster.sp"};

std::string mutated(std::mt19937_64& random) {
  const auto below = [&](size_t count) { return static_cast<size_t>(random() % count); };
  std::string text = kSeed;
  for (size_t edits = 1 + below(3) / 2; edits > 0 && !text.empty(); --edits) {
    const size_t at = below(text.size());
    const size_t length = below(std::min<size_t>(20, text.size() - at) + 1);
    switch (below(4)) {
      case 0: text.erase(at, length); break;
      case 1: text.insert(at, kPieces[below(kPieces.size())]); break;
      case 2: text.insert(below(text.size()), text.substr(at, length)); break;
      case 3: text[at] = static_cast<char>(below(4) == 0 ? random() : 32 + below(95)); break;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("a mutated file is accepted or refused with places") {
  size_t accepted = 0;
  size_t refused = 0;
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::string text = mutated(random);
    try {
      for (const Case& c : parse(text).cases) REQUIRE(c.id.size() == 16);
      ++accepted;
    } catch (const ConfigurationError& error) {
      REQUIRE_FALSE(error.diagnostics().empty());
      for (const Diagnostic& diagnostic : error.diagnostics()) {
        REQUIRE(diagnostic.mark.line >= 1);
        REQUIRE(diagnostic.mark.column >= 1);
        REQUIRE(diagnostic.message.find('\n') == std::string::npos);
      }
      ++refused;
    }
  }
  CHECK(accepted > 100);  // else the mutations are too wild to reach the later checks
  CHECK(refused > 1000);
}

TEST_CASE("a mutated override is accepted or refused with places") {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    std::string text = mutated(random);
    text = text.substr(random() % (text.size() + 1), 30);
    try {
      parse(kMinimal, {text, "cluster.sp=" + text, "sweep." + text});
    } catch (const ConfigurationError& error) {
      for (const Diagnostic& diagnostic : error.diagnostics()) REQUIRE(diagnostic.mark.column >= 1);
    }
  }
}
