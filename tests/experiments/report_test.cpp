#include "experiments/grid.h"
#include "experiments/memory.h"
#include "experiments/row.h"
#include "experiments/text.h"
#include "experiments/turns.h"
#include "experiments/variation.h"
#include "tests/catch.h"
#include "tests/folder.h"

#include <nlohmann/json.hpp>

#include <atomic>
#include <thread>

using namespace ringfold;

TEST_CASE("sizes and numbers have three digits") {
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(1023) == "1023 B");
  CHECK(bytes_text(1024) == "1.00 KiB");
  CHECK(bytes_text(1536) == "1.50 KiB");
  CHECK(bytes_text((int64_t{1} << 20) - 1) == "1.00 MiB");
  CHECK(bytes_text(int64_t{5} << 40) == "5.00 TiB");
  CHECK(number_text(0.4567) == "0.457");
  CHECK(number_text(9.996) == "10.0");
  CHECK(number_text(99.96) == "100");
  CHECK(number_text(1234.4) == "1234");
  CHECK(number_text(1e-7) == "1.0e-07");
  CHECK(count_text(1234567) == "1,234,567");
  CHECK(count_text(-123) == "-123");
  CHECK(duration_text(59.4) == "59 s");
  CHECK(duration_text(185) == "3:05");
  CHECK(duration_text(3723) == "1:02:03");
}

TEST_CASE("shell quoting keeps every character") {
  CHECK(shell_quoted("cluster.sp=4") == "cluster.sp=4");
  CHECK(shell_quoted("") == "''");
  CHECK(shell_quoted("strategies=[a]") == "'strategies=[a]'");
  CHECK(shell_quoted("it's") == R"('it'\''s')");
}

TEST_CASE("text wraps at spaces and is never lost") {
  CHECK(wrapped("one two three", 7, 2) == "one two\n  three");
  CHECK(wrapped("unbreakable", 4, 2) == "unbreakable");
  CHECK(wrapped("", 4, 2).empty());
}

TEST_CASE("a grid aligns columns of any width and leaves out the least important") {
  const std::vector<Column> columns = {
      {"name", true, 30, {"a", "größer"}}, {"n", false, 20, {"1", "22"}}, {"extra", false, 1, {"x", "y"}}};
  CHECK(grid_text(columns, {}, 0) == "name     n  extra\na        1      x\ngrößer  22      y\n");
  CHECK(grid_text(columns, {}, 12) == "name     n\na        1\ngrößer  22\n");
  CHECK(grid_text(columns, {{"<", ">"}, {}}, 12) == "name     n\n<a        1>\ngrößer  22\n");
}

namespace {

Row case_with(int64_t query, int sp, const char* strategy) {
  Row json;
  json["problem"] = {
      {"sequences", Row::array({{{"query", query}, {"cached", 0}}})}, {"heads", {{"dim", 4}}}, {"scale", 0.5}};
  json["cluster"] = {{"sp", sp}};
  json["strategies"] = Row::array({strategy});
  return json;
}

}  // namespace

TEST_CASE("cases differ by short names, the strategy aside") {
  const Variation variation = variation_of({case_with(8, 1, "a"), case_with(9, 2, "b")});
  CHECK(variation.keys == std::vector<std::string>{"sp", "tokens"});
  CHECK(variation.values == std::vector<std::vector<std::string>>{{"1", "8"}, {"2", "9"}});
  CHECK(variation_of({case_with(8, 1, "a"), case_with(8, 1, "b")}).keys.empty());
}

TEST_CASE("the exit of a run is the first of 1, 7, 6, 9, 5 in any row, else 4") {
  const auto of = [](std::vector<int> exits) {
    std::vector<Row> rows;
    for (int exit : exits) rows.push_back({{"exit", exit}});
    return static_cast<int>(exit_of(rows));
  };
  CHECK(of({}) == 0);
  CHECK(of({0, 0}) == 0);
  CHECK(of({0, 4, 0}) == 4);
  CHECK(of({4, 5}) == 5);
  CHECK(of({5, 9, 4}) == 9);
  CHECK(of({9, 6}) == 6);
  CHECK(of({6, 7, 5}) == 7);
  CHECK(of({7, 1}) == 1);
}

TEST_CASE("numbers that JSON lacks are strings") {
  Case item;
  item.canonical = "{}";
  Outcome outcome;
  outcome.numerics = Numerics{{NAN, 1}, {INFINITY, 0}, 3};
  const Row row = make_row("n", item, outcome, Row::object(), "");
  CHECK(row["numerics"]["output"]["error"] == "nan");
  CHECK(row["numerics"]["lse"]["error"] == "inf");
  CHECK(!row.contains("plan"));
  CHECK(!row.contains("traffic"));
  CHECK(!row.contains("timing"));
}

TEST_CASE("the median is over repeats of the slowest rank") {
  CHECK(median_ms({{1, 5}, {7, 2}, {3, 3}}) == 5);
  CHECK(median_ms({{1, 5}, {7, 2}}) == 6);
}

TEST_CASE("memory is what machine and control groups leave") {
  const Folder folder;
  folder.write("proc/meminfo", "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  800 kB\n");
  CHECK(available_memory_bytes(folder.path()) == 800 * 1024);
  CHECK(total_memory_bytes(folder.path()) == 1000 * 1024);
  folder.write("proc/self/cgroup", "0::/a/b\n");
  folder.write("sys/fs/cgroup/a/memory.max", "500000\n");
  folder.write("sys/fs/cgroup/a/memory.current", "300000\n");
  folder.write("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 1000\n");
  folder.write("sys/fs/cgroup/a/b/memory.max", "max\n");
  folder.write("sys/fs/cgroup/a/b/memory.current", "5\n");
  CHECK(available_memory_bytes(folder.path()) == 201000);
}

TEST_CASE("ranks work in turns, and nobody is left waiting") {
  constexpr int kRanks = 3;
  for (bool fails : {false, true}) {
    Turns turns(kRanks);
    std::atomic<int> steps{0};
    std::atomic<int> given_up{0};
    std::vector<std::thread> ranks;
    for (int rank = 0; rank < kRanks; ++rank) {
      ranks.emplace_back([&, rank] {
        while (turns.wait_for_step()) {
          ++steps;
          if (fails && rank == 1) {
            turns.end();
            return;
          }
        }
        if (turns.is_given_up()) ++given_up;
      });
    }
    CHECK(turns.wait_until_ready());
    if (fails) {
      CHECK(!turns.run_step());
    } else {
      for (int i = 1; i <= 3; ++i) {
        CHECK(turns.run_step());
        CHECK(steps == i * kRanks);
      }
      turns.finish();
    }
    for (std::thread& rank : ranks) rank.join();
    CHECK(given_up == (fails ? kRanks - 1 : 0));
  }
}
