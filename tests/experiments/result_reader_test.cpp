#include "experiments/result_reader.h"

#include "experiments/printable.h"
#include "experiments/row_shape.h"
#include "tests/catch.h"
#include "tests/folder.h"

#include <nlohmann/json.hpp>

using namespace ringfold;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char* kRow = R"({"schema": 1, "id": "0123456789abcdef", "name": "n", "status": "passed", "exit": 0,
  "reason": "", "strategy": "naive_ring", "options": {"heads": "contiguous"}, "transport": "in_process",
  "kernel": "cpu_fast",
  "case": {"problem": {"sequences": [{"query": 4, "cached": 0}], "heads": {"query": 2, "kv": 1, "dim": 8}, "scale": 0.5},
           "cluster": {"sp": 2, "tp": 1}, "strategies": ["naive_ring"], "inputs": {}, "measure": {"repeats": 2}},
  "plan": {"sent_bytes": [1, 2], "received_bytes": [2, 1], "flops": [8, 1e30], "peak_bytes": [9, 9], "attends": [1, 1],
           "imbalance": "inf", "minimum_sent_bytes": [1, 1]},
  "traffic": {"sent_bytes": [1, 2]},
  "numerics": {"output": {"error": "nan", "bound": 0.1}, "lse": {"error": 0, "bound": 0}, "rows_checked": 4},
  "timing": {"median_ms": 1.5, "ranks_ms": [[1, 1.5], [1.25, 1.5]], "tflops_per_rank": 0.1, "confidence_ms": [1, 2],
             "notes": ["slow"], "breakdown": {"compute_ms": [1, 1]}, "of_the_future": [{}]},
  "environment": {"revision": "abc", "link_gbps": 3}, "command": "./dev run", "of_the_future": 1})";

Row good_row() { return Row::parse(kRow); }

/// A folder that goes when the test ends.
struct Reading {
  ReadSummary summary;
  std::vector<int64_t> lines;
};

Reading read(const std::string& path) {
  Reading reading;
  reading.summary = read_results(path, [&](const Row&, const RowPlace& place) { reading.lines.push_back(place.line); });
  return reading;
}

std::string refusal_of(const std::string& path) {
  try {
    read(path);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::configuration);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("lines that are no rows are told, and the others are read") {
  const Folder folder;
  const std::string row = good_row().dump();
  Row other = good_row();
  other["schema"] = 2;
  const std::string file = folder.write("results.jsonl", row + "\nmy notes\n\n" + row + "\r\n" + other.dump() +
                                                             "\n[1]\n{}\n" + row + "\n" + row.substr(0, 99));
  const Reading reading = read(folder.path());
  CHECK(reading.lines == std::vector<int64_t>{1, 4, 8});
  CHECK(reading.summary.rows == 3);
  CHECK(reading.summary.unusable == 5);
  std::vector<std::string> reasons;
  for (const UnusableLine& line : reading.summary.listed) {
    CHECK(line.file == file);
    reasons.push_back(std::to_string(line.line) + " " + line.reason);
  }
  CHECK(reasons == std::vector<std::string>{"2 no row: not JSON", "5 schema 2, and this program reads schema 1",
                                            "6 no row: not a JSON object", "7 no row: no field schema",
                                            "9 torn: the line has no end"});
  CHECK_THAT(unusable_text(reading.summary), ContainsSubstring("results.jsonl:5: left out: schema 2"));
}

TEST_CASE("a last line without a newline counts if it is whole") {
  const Folder folder;
  const std::string row = good_row().dump();
  folder.write("results.jsonl", row + "\n" + row);
  CHECK(read(folder.path()).lines == std::vector<int64_t>{1, 2});
  for (const size_t bytes : {size_t{1}, size_t{20}, row.size() - 1}) {
    folder.write("results.jsonl", row + "\n" + row.substr(0, bytes));
    const Reading reading = read(folder.path());
    CHECK(reading.lines == std::vector<int64_t>{1});
    CHECK(reading.summary.unusable == 1);
  }
}

TEST_CASE("results are found in a file, in a folder and below one") {
  const Folder folder;
  const std::string row = good_row().dump() + "\n";
  folder.write("b/results.jsonl", row);
  folder.write("a/deep/results.jsonl", row);
  folder.write("a/deep/notes.jsonl", "x");
  const std::string own = folder.write("c/results.jsonl", row);
  folder.write("c/inner/results.jsonl", row);
  CHECK(result_files(folder.path()) == std::vector<std::string>{folder.path("a/deep/results.jsonl"),
                                                                folder.path("b/results.jsonl"),
                                                                folder.path("c/inner/results.jsonl"), own});
  CHECK(result_files(folder.path("c")) == std::vector<std::string>{own});
  CHECK(result_files(own) == std::vector<std::string>{own});
}

TEST_CASE("what holds no results is refused with its name") {
  const Folder folder;
  CHECK_THAT(refusal_of(folder.path("nowhere")), ContainsSubstring("nowhere: no such file or folder"));
  CHECK_THAT(refusal_of(folder.path()), ContainsSubstring("no results.jsonl in it or below it"));
  CHECK_THAT(refusal_of("bad\x1b[31m"), ContainsSubstring("bad\\x1b[31m: no such"));
  folder.write("results.jsonl", "");
  CHECK(read(folder.path()).summary.rows == 0);
  CHECK_THROWS_WITH(require_rows(read(folder.path()).summary, "x"),
                    ContainsSubstring("x: no row of results in an empty"));
  folder.write("results.jsonl", "a\nb\n");
  CHECK_THROWS_WITH(require_rows(read(folder.path()).summary, "x"),
                    ContainsSubstring("x: no row of results in 2 lines"));
}

TEST_CASE("a stranger's lines cannot exhaust memory or stack") {
  const Folder folder;
  const std::string deep = std::string(2000000, '[') + "\n";
  std::string wide = "[0";
  for (int i = 0; i < 4000000; ++i) wide += ",0";
  const std::string row = good_row().dump() + "\n";
  folder.write("results.jsonl", deep + row + wide + "]\n" + std::string(size_t{70} << 20, 'x') + "\n" + row);
  const Reading reading = read(folder.path());
  CHECK(reading.lines == std::vector<int64_t>{2, 5});
  REQUIRE(reading.summary.listed.size() == 3);
  for (const UnusableLine& line : reading.summary.listed) CHECK(line.reason == "no row: longer or deeper than any row");
}

TEST_CASE("many unusable lines are counted, and the first of them listed") {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "x\n";
  folder.write("results.jsonl", text);
  const ReadSummary summary = read(folder.path()).summary;
  CHECK(summary.unusable == 5000);
  CHECK(summary.listed.size() == ReadSummary::kMostListed);
  CHECK_THAT(unusable_text(summary),
             ContainsSubstring("results.jsonl:1: left out: no row: not JSON (and lines 2 3 4 and 996 more)"));
  CHECK_THAT(unusable_text(summary), ContainsSubstring("4000 more lines were left out"));
}

TEST_CASE("a row has every field that is read without asking, of the right type") {
  CHECK(row_fault(good_row()) == "");
  // Each field in turn: missing, and of a wrong type.
  const std::vector<std::string> optional = {
      "/case/problem/scale", "/case/inputs", "/case/measure", "/plan", "/traffic", "/numerics", "/timing"};
  for (const char* place : {"/id",
                            "/name",
                            "/status",
                            "/exit",
                            "/reason",
                            "/strategy",
                            "/options",
                            "/transport",
                            "/kernel",
                            "/environment",
                            "/command",
                            "/case",
                            "/case/problem",
                            "/case/problem/sequences",
                            "/case/problem/heads/dim",
                            "/case/problem/scale",
                            "/case/cluster/sp",
                            "/case/inputs",
                            "/case/measure",
                            "/plan",
                            "/plan/sent_bytes",
                            "/plan/flops",
                            "/plan/imbalance",
                            "/traffic",
                            "/traffic/sent_bytes",
                            "/numerics",
                            "/numerics/lse",
                            "/numerics/lse/bound",
                            "/numerics/rows_checked",
                            "/timing",
                            "/timing/median_ms",
                            "/timing/ranks_ms"}) {
    INFO(place);
    const Row::json_pointer pointer(place);
    Row missing = good_row();
    missing[pointer.parent_pointer()].erase(pointer.back());
    const bool is_optional = std::find(optional.begin(), optional.end(), place) != optional.end();
    CHECK((row_fault(missing) == "") == is_optional);
    for (const Row& wrong : {Row(nullptr), Row(true), Row::array({Row::object()}), Row(-1)}) {
      if (std::string(place) == "/plan/imbalance" && wrong == -1) continue;  // a number is all it must be
      if (wrong == -1 && (std::string(place).ends_with("scale") || std::string(place).ends_with("bound") ||
                          std::string(place).ends_with("median_ms"))) {
        continue;
      }
      Row changed = good_row();
      changed[pointer] = wrong;
      CHECK(row_fault(changed) != "");
    }
  }
}

TEST_CASE("faults of rows name the field") {
  const auto fault = [](const char* place, const Row& value) {
    Row row = good_row();
    row[Row::json_pointer(place)] = value;
    return row_fault(row);
  };
  CHECK(fault("/status", "great") == "no whole row: status is not passed, failed, skipped or refuted");
  CHECK(fault("/timing/ranks_ms", Row::array()) ==
        "no whole row: timing.ranks_ms is not a list of repeats, each with a number for every rank");
  CHECK(fault("/timing/ranks_ms", Row::parse("[[1, 2], [1]]")) != "");
  CHECK(fault("/timing/ranks_ms", Row::parse("[[]]")) != "");
  CHECK(fault("/timing/ranks_ms/0/0", "inf") == "");
  CHECK(fault("/timing/ranks_ms/0/0", "soon") != "");
  CHECK(fault("/timing/notes", Row::parse("[1]")) != "");
  CHECK(fault("/timing/breakdown/idle_ms", Row::parse("[[]]")) != "");
  CHECK(fault("/case/problem/sequences", Row::parse(R"([{"query": 1}])")) != "");
  CHECK(fault("/case/problem/sequences/0/query", uint64_t{1} << 41) != "");
  CHECK(fault("/plan/sent_bytes/0", uint64_t{1} << 63) != "");
  CHECK(fault("/schema", "1") == "no row: schema is no whole number");
}

TEST_CASE("terminals get no control characters") {
  CHECK(printable("größer, 山 \xf0\x9f\x8e\x89") == "größer, 山 \xf0\x9f\x8e\x89");
  CHECK(printable("\x1b[31m\a\n\t\r\x7f") == "\\x1b[31m\\x07\\n\\t\\r\\x7f");
  CHECK(printable("a\xc2\x9b"
                  "1m") == "a\\x9b1m");
  CHECK(printable("\xe2\x80\xae") == "\\u202e");
  CHECK(printable("\xff\xc3(\xe2\x82") == "\\xff\\xc3(\\xe2\\x82");
  CHECK(printable("\xc0\x9b\xed\xa0\x80") == "\\xc0\\x9b\\xed\\xa0\\x80");
  Row row = Row::parse(R"({"a\u001b": ["\u0007", 1, {"b": "\u202e"}]})");
  make_printable(row);
  CHECK(row.dump() == R"({"a\\x1b":["\\x07",1,{"b":"\\u202e"}]})");
}
