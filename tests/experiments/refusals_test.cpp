// Every file of tests/errors states, in comments at its top, all the lines of its refusal (without the file's name).
// The part of a line after "not YAML: " is yaml-cpp's and may change with its version.

#include "experiments/spec.h"
#include "tests/experiments/words.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace ringfold;

namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string without_yaml_cpp(const std::string& line) {
  const std::string marker = "not YAML: ";
  const size_t at = line.find(marker);
  return at == line.npos ? line : line.substr(0, at + marker.size());
}

/// A file with every key of the table, one a line; `[]` marks where keys belong to a list's item.
struct Line {
  const char* path;
  std::string key;
  std::string value;
};

std::vector<Line> all_keys() {
  return {{"name", "name: ", "t"},
          {"problem", "problem:", ""},
          {"problem.sequences", "  sequences:", ""},
          {"problem.sequences[].query", "    - query: ", "16"},
          {"problem.sequences[].cached", "      cached: ", "4"},
          {"problem.heads", "  heads:", ""},
          {"problem.heads.query", "    query: ", "4"},
          {"problem.heads.kv", "    kv: ", "2"},
          {"problem.heads.dim", "    dim: ", "8"},
          {"problem.mask", "  mask:", ""},
          {"problem.mask.window", "    window: ", "4"},
          {"problem.dtype", "  dtype: ", "bf16"},
          {"problem.placement", "  placement: ", "tokens"},
          {"problem.scale", "  scale: ", "0.5"},
          {"problem.softcap", "  softcap: ", "30"},
          {"problem.rope", "  rope:", ""},
          {"problem.rope.theta", "    theta: ", "1e4"},
          {"problem.rope.style", "    style: ", "half"},
          {"problem.kv", "  kv:", ""},
          {"problem.kv.page_size", "    page_size: ", "16"},
          {"problem.rounds", "  rounds: ", "1"},
          {"problem.layer", "  layer:", ""},
          {"problem.layer.hidden", "    hidden: ", "64"},
          {"problem.layer.source", "    source: ", "exchange"},
          {"cluster", "cluster:", ""},
          {"cluster.sp", "  sp: ", "4"},
          {"cluster.tp", "  tp: ", "2"},
          {"strategies", "strategies: ", "[naive_ring]"},
          {"transport", "transport: ", "in_process"},
          {"kernel", "kernel: ", "cpu_fast"},
          {"inputs", "inputs:", ""},
          {"inputs.generate", "  generate: ", "gauss"},
          {"inputs.seed", "  seed: ", "1"},
          {"measure", "measure:", ""},
          {"measure.warmup", "  warmup: ", "2"},
          {"measure.repeats", "  repeats: ", "5"},
          {"measure.threads", "  threads: ", "1"},
          {"measure.reference_seconds", "  reference_seconds: ", "10"},
          {"measure.deadline_seconds", "  deadline_seconds: ", "10"},
          {"measure.ideal", "  ideal: ", "false"},
          {"measure.min_seconds", "  min_seconds: ", "0.5"},
          {"measure.confidence", "  confidence: ", "0.02"},
          {"passes", "passes: ", "{fuse: off}"},
          {"cuda_graph", "cuda_graph: ", "off"}};
}

std::string file_of(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) text += line.key + line.value + "\n";
  return text;
}

std::string what_is_allowed(const KeySpec& key) {
  if (key.type == KeyType::transport) return "in_process | ";
  return key.type == KeyType::kernel ? "cpu_reference | " : allowed_text(key);
}

std::vector<std::string> bad_values(const KeySpec& key) {
  switch (key.type) {
    case KeyType::integer:
      return {std::to_string(key.min - 1),
              key.max == INT64_MAX ? "9223372036854775808" : std::to_string(key.max + 1),
              "-9223372036854775809",
              "99999999999999999999",
              "010",
              "1.5",
              "1e3",
              "0x10",
              "+1",
              "1_000",
              "4KiB",
              "Ki",
              "many",
              "'4'",
              "[4]",
              "{a: 4}",
              "true",
              "",
              "-",
              "4 4"};
    case KeyType::integers: return {"4", "[]", "[a]", "[4, -1]", "[[4]]", "{a: 4}", "'[4]'", ""};
    case KeyType::number:
      return {"-1",   "1e300", "1e999", "1..5",  ".5",   "5.",    "1e",    "01",     "+1",
              ".inf", ".nan",  "nan",   "0x1p3", "half", "'1.5'", "[1.5]", "{a: 1}", ""};
    case KeyType::boolean: return {"yes", "True", "TRUE", "1", "0", "on", "'true'", "[true]", "{a: true}", ""};
    case KeyType::word: return {"maybe", key.words[0] + "x", "''", "[auto]", "{auto: 1}", "1", ""};
    case KeyType::text: return {"''", "[a]", "{a: b}", "", "a/b", "'a b'", "-a", ".a"};
    case KeyType::transport:
    case KeyType::kernel: return {"none", "''", "[cpu_fast]", "{cpu_fast: 1}", ""};
    case KeyType::strategy: return {"naive_rings", "[naive_ring]", "{naive_ring: {}, split_kv: {}}", "1", ""};
    case KeyType::strategies: return {"naive_ring", "[]", "{naive_ring: {}}", "", "1", "[[naive_ring]]", "[~]", "[1]"};
    case KeyType::passes: return {"off", "[fuse]", "{fuse}", "{fuse: [off]}", "{fuse: true}", "{1: off}", "all"};
    case KeyType::map:
    case KeyType::list:
    case KeyType::sweep: return {};
  }
  return {};
}

}  // namespace

TEST_CASE("every file of the corpus is refused with exactly the lines that it states") {
  size_t files = 0;
  fs::current_path(fs::path(source_root()) / "tests/errors");  // messages and input files are relative
  for (const auto& entry : fs::directory_iterator(".")) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    std::ifstream stream(name);
    std::vector<std::string> expected;
    for (std::string line; std::getline(stream, line) && line.rfind("# ", 0) == 0;)
      expected.push_back(name + ":" + line.substr(2));
    REQUIRE_FALSE(expected.empty());
    std::vector<std::string> got;
    try {
      load_experiment(name, {}, test_words());
    } catch (const ConfigurationError& error) {
      got = lines_of(error.what());
    }
    std::transform(expected.begin(), expected.end(), expected.begin(), without_yaml_cpp);
    std::transform(got.begin(), got.end(), got.begin(), without_yaml_cpp);
    CHECK(got == expected);
    ++files;
  }
  CHECK(files >= 60);
}

TEST_CASE("a file with every key of the table is accepted") {
  std::vector<Line> lines = all_keys();
  CHECK(errors_of(file_of(lines)).empty());
  for (const KeySpec& key : key_table()) {
    CAPTURE(std::string(key.path));
    const bool is_elsewhere = key.path == "sweep" || key.path == "problem.sequences[]" || key.path == "inputs.file" ||
                              key.path == "inputs.digest" || key.path.starts_with("problem.rounds[]");
    const bool is_there =
        std::any_of(lines.begin(), lines.end(), [&](const Line& line) { return line.path == key.path; });
    CHECK(is_there != is_elsewhere);
  }
}

TEST_CASE("every bad value of every key is reported at its place") {
  const std::vector<Line> good = all_keys();
  size_t files = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    const KeySpec& key = *find_key(good[i].path);
    if (good[i].value.empty()) continue;
    for (const std::string& value : bad_values(key)) {
      std::vector<Line> lines = good;
      lines[i].value = value;
      CAPTURE(good[i].path, value);
      const std::vector<std::string> errors = lines_of(errors_of(file_of(lines)));
      REQUIRE(errors.size() == 1);
      CHECK(errors[0].rfind("t.yaml:" + std::to_string(i + 1) + ":", 0) == 0);
      const bool is_scalar_fault = key.type != KeyType::strategies && key.type != KeyType::passes && !value.empty();
      if (is_scalar_fault && value != "-" && errors[0].find("not YAML") == std::string::npos) {
        const std::string place = fmt::format("t.yaml:{}:{}: error: ", i + 1, lines[i].key.size() + 1);
        CHECK(errors[0].rfind(place, 0) == 0);
        CHECK(errors[0].find("allowed: " + what_is_allowed(key)) != std::string::npos);
      }
      ++files;
    }
  }
  CHECK(files >= 200);
}

TEST_CASE("all bad values at once are all reported") {
  std::vector<Line> lines = all_keys();
  size_t faults = 0;
  for (Line& line : lines) {
    const std::vector<std::string> values = bad_values(*find_key(line.path));
    if (line.value.empty() || values.empty()) continue;
    line.value = values[0];
    ++faults;
  }
  CHECK(lines_of(errors_of(file_of(lines))).size() == faults);
}

TEST_CASE("every key misspelt is reported with the right one") {
  const std::vector<Line> good = all_keys();
  for (size_t i = 0; i < good.size(); ++i) {
    std::vector<Line> lines = good;
    std::string& key = lines[i].key;
    key.insert(key.find(':'), "x");
    CAPTURE(key);
    const std::string name(last_part(good[i].path));
    const std::string expected =
        fmt::format("t.yaml:{}:{}: error: unknown key '{}x'", i + 1, key.find_first_not_of(" -") + 1, name);
    const std::string errors = errors_of(file_of(lines));
    CHECK(errors.find(expected) != errors.npos);
    CHECK(errors.find("did you mean '" + name + "'?") != errors.npos);
  }
}
