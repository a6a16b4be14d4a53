#include "experiments/report_page.h"

#include "experiments/report_data.h"
#include "tests/catch.h"

#include <fmt/format.h>

using namespace ringfold;
using Catch::Approx;

namespace {

/// A row as a run writes it, of a plan that can be made again.
Row a_row(int number, int ranks = 4) {
  Row row = Row::parse(R"({"schema": 1, "name": "n", "status": "passed", "exit": 0, "reason": "",
    "strategy": "naive_ring", "options": {}, "transport": "in_process", "kernel": "cpu_fast",
    "case": {"problem": {"sequences": [{"query": 64, "cached": 0}], "heads": {"query": 4, "kv": 2, "dim": 16}},
             "cluster": {"sp": 4, "tp": 1}, "strategies": ["naive_ring"], "inputs": {"generate": "gauss", "seed": 1}},
    "plan": {"sent_bytes": [1, 2, 3, 4], "flops": [1, 2, 3, 4], "minimum_sent_bytes": [1, 1, 1, 1], "imbalance": 1.6},
    "numerics": {"output": {"error": 1e-7, "bound": 2e-7}, "lse": {"error": "inf", "bound": 1}, "rows_checked": 64},
    "timing": {"median_ms": 2.0, "ranks_ms": [[1, 2], [2, 1], [2, 2]]},
    "environment": {"cpu": "x"}, "command": "./dev run it"})");
  row["id"] = fmt::format("{:016x}", number);
  row["case"]["cluster"]["sp"] = ranks;
  return row;
}

Row taken(ReportData& data) { return Row::parse(data.take(Traces(), 100'000)); }

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("nothing in a data block ends it") {
  CHECK(escaped_json("\"</script>&\"") == "\"\\u003c/script\\u003e\\u0026\"");
  CHECK(escaped_json("\xE2\x80\xA8 \xE2\x80\xA9 \xE2\x80\xA7") == "\\u2028 \\u2029 \xE2\x80\xA7");
  CHECK(escaped_html("<a b=\"'&'\">") == "&lt;a b=&quot;&#39;&amp;&#39;&quot;&gt;");
  // A lone first byte at the end is no separator.
  CHECK(escaped_json("\xE2\x80") == "\xE2\x80");
}

TEST_CASE("a policy names what may run by its SHA-256") {
  // RFC 4634's "abc", in base64.
  CHECK(policy_hash("abc") == "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
  const std::string page = report_page("t", "{}");
  const size_t begin = page.rfind("<script>") + 8;
  CHECK(page.find("script-src '" + policy_hash(page.substr(begin, page.rfind("</script>") - begin)) + "'") !=
        page.npos);
  CHECK(page.find("default-src 'none'") != page.npos);
}

TEST_CASE("a page holds what it is given once, and as data only") {
  const std::string evil = R"({"name": "</script><script>alert(1)</script>{{TITLE}}{{DATA}}"})";
  const std::string page = report_page("<title>", evil);
  CHECK(page.find("alert(1)</") == page.npos);
  CHECK(count(page, "<script") == 2);
  CHECK(count(page, "{{DATA}}") == 1);
  CHECK(page.find("<title>&lt;title&gt;</title>") != page.npos);
}

TEST_CASE("a report of rows keeps their numbers") {
  ReportData data;
  data.begin_run("here");
  data.add(a_row(1));
  const Row json = taken(data);
  const Row& item = json["cases"][0];
  CHECK(item["ms"] == 2.0);
  CHECK(item["reps"] == Row({2, 2, 2}));
  CHECK(item["tokens"] == Row({64, 0, 1}));
  CHECK(item["plan"]["sum_sent_bytes"] == 10);
  CHECK(item["output"] == Row({1e-7, 2e-7}));
  CHECK_FALSE(item.contains("lse"));  // not finite
  CHECK(item["best"] == true);
  CHECK(item.contains("planned"));
  CHECK(item.contains("grid"));
  CHECK(json["runs"][0]["statuses"]["passed"] == 1);
}

TEST_CASE("a report is bounded whatever it is made of") {
  ReportData data;
  data.begin_run("here");
  const int rows = 820;
  for (int i = 0; i < rows; ++i) {
    Row row = a_row(i, 1 + i % 16);
    row["command"] = std::string(20'000, 'x');
    row["environment"][std::to_string(i)] = std::string(10'000, 'y');
    if (i % 2 == 1) row["status"] = "failed";
    data.add(std::move(row));
    data.complain(std::string(10'000, 'z'));
  }
  const std::string text = data.take(Traces(), 100'000);
  CHECK(text.size() < size_t{2'000'000});
  const Row json = Row::parse(text);
  CHECK(json["rows"] == rows);
  CHECK(json["cases"].size() == ReportData::kMostPassed + ReportData::kMostOthers);
  CHECK(json["runs"][0]["statuses"]["failed"] == rows / 2);
  CHECK(json["complaints"].back() == fmt::format("and {} more lines like these", rows + 2 - 50));
}

TEST_CASE("the winner of a problem is the fastest that passed") {
  ReportData data;
  data.begin_run("here");
  const auto add = [&](int number, const char* strategy, double ms, const char* status, int ranks) {
    Row row = a_row(number, ranks);
    row["strategy"] = strategy;
    row["case"]["strategies"] = {strategy};
    row["status"] = status;
    row["timing"] = {{"median_ms", ms}, {"ranks_ms", Row::array()}};
    for (int i = 0; i < 9; ++i) row["timing"]["ranks_ms"].push_back({ms * (1 + 0.001 * i)});
    data.add(std::move(row));
  };
  add(1, "naive_ring", 3, "passed", 4);
  add(2, "balanced_ring", 2, "passed", 4);
  add(3, "all_gather", 1, "failed", 4);
  add(4, "naive_ring", 9, "passed", 2);
  const Row json = taken(data);
  CHECK(json["problems"] == 2);
  CHECK(json["cases"][0]["best"] == false);
  CHECK(json["cases"][1]["best"] == true);
  CHECK_FALSE(json["cases"][2].contains("best"));
  CHECK(json["cases"][3]["best"] == true);
  const Row versus = json["cases"][0]["versus"];
  REQUIRE(versus.size() == 3);
  CHECK(versus[0].get<double>() == Approx(1.5).epsilon(0.01));
  CHECK(versus[1].get<double>() > 1.4);
  CHECK(versus[2].get<double>() < 1.6);
  CHECK(json["cases"][0]["verdict"] == "slower");
}

TEST_CASE("a difference that compare calls noise makes no winner in the report") {
  const auto verdict = [](double ratio, int repeats) {
    ReportData data;
    data.begin_run("here");
    for (const double ms : {1.0, ratio}) {
      Row row = a_row(1, 4);
      row["strategy"] = ms == 1 ? "balanced_ring" : "naive_ring";
      row["case"]["strategies"] = {row["strategy"]};
      row["timing"] = {{"median_ms", ms}, {"ranks_ms", Row::array()}};
      for (int i = 0; i < repeats; ++i) row["timing"]["ranks_ms"].push_back({ms * (1 + 0.0001 * i)});
      data.add(std::move(row));
    }
    return taken(data)["cases"][1]["verdict"].get<std::string>();
  };
  CHECK(verdict(1.2, 9) == "slower");
  CHECK(verdict(1.03, 9) == "same");  // the intervals exclude 1, and stay within 5 %
  CHECK(verdict(1.2, 3) == "cannot tell");
}
