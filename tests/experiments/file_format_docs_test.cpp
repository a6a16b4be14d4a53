// docs/experiments.md has the table of keys that validates, and its examples are valid.

#include "experiments/spec.h"
#include "tests/experiments/words.h"
#include "tests/tree/files.h"

#include <fstream>

using namespace ringfold;

namespace {

const std::string kBegin = "<!-- keys: written by the tests from the table that validates -->\n";
const std::string kEnd = "<!-- end of keys -->";

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string row_of(const KeySpec& key) {
  std::string standard = key.default_text.empty() ? "" : fmt::format("`{}`", key.default_text);
  if (key.is_required) standard = "*required*";
  return fmt::format("| `{}` | {} | {} | {} |\n", key.path, escaped(allowed_text(key)), standard,
                     escaped(std::string(key.help)));
}

std::string keys_table() {
  std::string text = "| key | takes | default | what it is |\n|---|---|---|---|\n";
  for (const KeySpec& key : key_table()) text += row_of(key);
  return text;
}

}  // namespace

TEST_CASE("the documented keys are those of the table") {
  const std::string docs = text_of(std::filesystem::path(source_root()) / "docs/experiments.md");
  const size_t begin = docs.find(kBegin);
  const size_t end = docs.find(kEnd);
  REQUIRE(begin != docs.npos);
  REQUIRE(end != docs.npos);
  const std::string current = docs.substr(0, begin + kBegin.size()) + keys_table() + docs.substr(end);
  const std::string renewed = build_root() + "/experiments.md";
  if (docs != current) std::ofstream(renewed) << current;
  INFO("to renew it: cp " << renewed << " " << source_root() << "/docs/");
  CHECK(docs == current);
}

TEST_CASE("the documented examples are valid") {
  const std::string docs = text_of(std::filesystem::path(source_root()) / "docs/experiments.md");
  const std::string fence = "```yaml\n";
  std::vector<size_t> cases;
  for (size_t at = docs.find(fence); at != docs.npos; at = docs.find(fence, at + 1)) {
    const size_t begin = at + fence.size();
    const std::string text = docs.substr(begin, docs.find("```", begin) - begin);
    CAPTURE(text);
    CHECK(errors_of(text).empty());
    cases.push_back(parse(text).cases.size());
  }
  CHECK(cases == std::vector<size_t>{3, 24, 36});
}
