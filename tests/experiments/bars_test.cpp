#include "experiments/bars.h"

#include "experiments/row_numbers.h"
#include "experiments/text.h"
#include "tests/catch.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

using namespace ringfold;

namespace {

Row row_of(const char* strategy, double ms, int sp = 2, const char* status = "passed") {
  Row row;
  row["name"] = "bars";
  row["status"] = status;
  row["reason"] = "";
  row["strategy"] = strategy;
  row["options"] = Row::object();
  row["transport"] = "in_process";
  row["kernel"] = "cpu_fast";
  row["case"] = {{"problem",
                  {{"sequences", Row::array({{{"query", 8}, {"cached", 0}}})},
                   {"heads", {{"query", 1}, {"kv", 1}, {"dim", 8}}},
                   {"mask", "causal"},
                   {"dtype", "fp32"}}},
                 {"cluster", {{"sp", sp}, {"tp", 1}}},
                 {"transport", "in_process"},
                 {"kernel", "cpu_fast"},
                 {"strategies", Row::array({strategy})}};
  row["timing"]["median_ms"] = ms;
  row["timing"]["ranks_ms"] = Row::array({Row::array({ms})});
  return row;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

int64_t hashes(const std::string& line) { return std::count(line.begin(), line.end(), '#'); }

}  // namespace

TEST_CASE("bars are as long as medians, and fit the terminal") {
  const std::vector<Row> rows = {row_of("naive_ring", 40), row_of("all_gather", 10), row_of("mesh", 20)};
  for (const int64_t columns : {40, 80, 200}) {
    const auto lines = lines_of(bars_text(rows, {false, true, false}, {false, columns, false}));
    REQUIRE(lines.size() == 4);
    CHECK(hashes(lines[0]) >= 8);
    CHECK(hashes(lines[0]) == Catch::Approx(4 * hashes(lines[1])).margin(2));
    CHECK(hashes(lines[0]) == Catch::Approx(2 * hashes(lines[2])).margin(1));
    for (const std::string& line : lines) CHECK(width_of(line) <= columns);
    CHECK(lines[3].empty());
  }
  CHECK(bars_text(rows, {false, true, false}, {false, 20, false}).empty());
}

TEST_CASE("bars are drawn to an eighth of a column where characters are there for it") {
  const std::vector<Row> rows = {row_of("a", 8), row_of("b", 4.1)};
  const auto lines = lines_of(bars_text(rows, {false, true}, {true, 24, true}));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].find("██████████") != std::string::npos);
  CHECK(lines[1].find("█████▏") != std::string::npos);
  CHECK(lines[1].find("\x1b[1;32m") != std::string::npos);
  CHECK(lines[0].find('\x1b') == std::string::npos);
}

TEST_CASE("each problem has its own scale, and says what it is where there are several") {
  const std::vector<Row> rows = {row_of("a", 10, 2), row_of("b", 20, 2),          row_of("a", 1, 4),
                                 row_of("b", 2, 4),  row_of("c", 9, 4, "failed"), row_of("a", 7, 8)};
  const auto lines = lines_of(bars_text(rows, std::vector<bool>(6), {false, 60, false}));
  REQUIRE(lines.size() == 7);
  CHECK(lines[0] == "sp 2");
  CHECK(lines[3] == "sp 4");
  CHECK(hashes(lines[1]) == hashes(lines[4]));
  CHECK(hashes(lines[2]) == hashes(lines[5]));
  CHECK(bars_text({row_of("a", 1)}, {false}, {false, 80, false}).empty());
  std::vector<Row> many;
  for (int i = 0; i < 41; ++i) many.push_back(row_of("a", 1));
  CHECK(bars_text(many, std::vector<bool>(41), {false, 80, false}).empty());
}

TEST_CASE("the table shows intervals, notes and, on a terminal, bars") {
  std::vector<Row> rows = {row_of("naive_ring", 40), row_of("all_gather", 10)};
  CHECK(results_table(rows, {}).find("interval") == std::string::npos);
  rows[0]["timing"]["confidence_ms"] = {39.0, 41.0};
  rows[0]["timing"]["notes"] = {"the first repeat is slow (3.1 x the median): raise measure.warmup"};
  rows[1]["timing"]["notes"] = {"the first repeat is slow (2.5 x the median): raise measure.warmup"};
  CHECK(interval_text(rows[0]) == "±2.5%");
  const std::string text = results_table(rows, {});
  CHECK(text.find("interval") != std::string::npos);
  CHECK(text.find("±2.5%") != std::string::npos);
  CHECK(text.find("\nnaive_ring, all_gather: the first repeat is slow: raise measure.warmup\n") != std::string::npos);
  CHECK(text.find('#') == std::string::npos);
  CHECK(results_table(rows, {false, 80, false}).find("####") != std::string::npos);
  rows[0]["timing"]["confidence_ms"] = {39.0};  // of a stranger's file
  rows[1]["timing"]["confidence_ms"] = {"nan", "inf"};
  rows[0]["timing"]["notes"] = {1, Row::array()};
  CHECK(results_table(rows, {}).find("interval") == std::string::npos);
}
