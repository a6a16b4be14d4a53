#include "experiments/report_pictures.h"

#include "experiments/report_gantt.h"
#include "experiments/report_grid.h"
#include "experiments/report_simulation.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "lib/strategy.h"
#include "tests/catch.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace ringfold;
using Catch::Approx;

namespace {

Problem causal(int64_t tokens) {
  Problem problem;
  problem.sequences = {{tokens, 0}};
  problem.heads = {4, 2, 16};
  return problem;
}

Schedule planned(std::string_view strategy, const Problem& problem, const Cluster& cluster) {
  const StrategyInfo* info = find_strategy(strategy);
  REQUIRE(info != nullptr);
  Options options;
  for (const OptionSpec& option : info->options()) options[std::string(option.name)] = option.values.front();
  return assign_buffers(plan_cluster(*info->make(options), strategy, problem, cluster));
}

double spent(const Gantt& gantt, int rank, BarKind kind) {
  double ms = 0;
  for (const Lane& lane : gantt.lanes) {
    if (lane.rank != rank) continue;
    for (const Bar& bar : lane.bars) ms += bar.kind == kind ? bar.end_ms - bar.begin_ms : 0;
  }
  return ms;
}

ReportCase a_case(const char* experiment) {
  ReportCase item;
  item.id = "1";
  item.row["case"] = Row::parse(experiment);
  return item;
}

}  // namespace

TEST_CASE("a simulated schedule takes the time of its work") {
  const Schedule schedule = planned("naive_ring", causal(64), {4, 1});
  // Computing alone: 4 dim x heads x visible pairs of rank 0 (its own triangle) and of rank 3 (3 squares more).
  const Gantt computing = simulate(schedule, {4.0 * 16 * 4, 1e30, 1e30, 0, ""});
  CHECK(spent(computing, 0, BarKind::attend) == Approx(16 * 17 / 2));
  CHECK(spent(computing, 3, BarKind::attend) == Approx(16 * 17 / 2 + 3 * 16 * 16));
  CHECK(computing.end_ms() >= spent(computing, 3, BarKind::attend));
  // Moving alone: three steps, each of a shard of 16 tokens x 2 heads x K and V x 16 floats.
  const Gantt moving = simulate(schedule, {1e30, 1e30, 1, 0, ""});
  CHECK(moving.end_ms() == Approx(3 * 16 * 2 * 2 * 16 * 4));
  CHECK(simulate(schedule, {1e30, 1e30, 1e30, 7, ""}).end_ms() == Approx(3 * 7));
}

TEST_CASE("lanes of every strategy are in order and end") {
  Problem problem = causal(37);
  problem.heads = {8, 4, 16};
  for (const StrategyInfo& info : strategy_table()) {
    for (const Cluster& cluster : {Cluster{1, 1}, Cluster{3, 1}, Cluster{4, 2}}) {
      const Gantt gantt = simulate(planned(info.id, problem, cluster), {1e3, 1e5, 1e3, 0.5, ""});
      REQUIRE(gantt.lanes.size() == 2 * static_cast<size_t>(cluster.ranks()));
      for (const Lane& lane : gantt.lanes) {
        double at = 0;
        for (const Bar& bar : lane.bars) {
          CHECK(bar.begin_ms >= at);
          CHECK(bar.end_ms >= bar.begin_ms);
          at = bar.end_ms;
        }
      }
    }
  }
}

TEST_CASE("a chart of more bars than there is room for says what it lacks") {
  Gantt gantt;
  for (int rank = 0; rank < 3; ++rank) {
    gantt.lanes.push_back({rank, false, {{BarKind::attend, 0, 1}, {BarKind::merge, 2, 4}}});
  }
  const Row whole = gantt_json(gantt, 6);
  CHECK(whole["lanes"].size() == 3);
  CHECK_FALSE(whole.contains("cut"));
  CHECK(whole["lanes"][1] == Row({1, 0, 0, 0, kGanttUnits / 4, 1, kGanttUnits / 4, kGanttUnits / 2}));
  const Row part = gantt_json(gantt, 5);
  CHECK(part["lanes"].size() == 2);
  CHECK(part["cut"] == 2);
  CHECK(part["ranks"] == 3);
  const Row first = gantt_json(gantt, 1);
  CHECK(first["lanes"].size() == 1);
  CHECK(first["cut"] == 5);
}

TEST_CASE("a picture tells a ring from a balanced one") {
  const Row ring = grid_json(planned("naive_ring", causal(64), {4, 1}), 100'000);
  CHECK(ring["q"] == Row({0, 16, 32, 48, 64}));
  CHECK(ring["k"] == ring["q"]);
  REQUIRE(ring["layers"].size() == 1);
  CHECK(ring["layers"][0]["rank"] ==
        "0..."
        "11.."
        "222."
        "3333");
  CHECK(ring["layers"][0]["step"] ==
        "0..."
        "10.."
        "210."
        "3210");
  const Row balanced = grid_json(planned("balanced_ring", causal(64), {4, 1}), 100'000);
  for (const Row& layer : balanced["layers"]) {
    CHECK(layer["rank"].get<std::string>().find_first_not_of("0123.") == std::string::npos);
  }
  CHECK(balanced["layers"] != ring["layers"]);
}

TEST_CASE("a picture of too many ranks or too little room is left out") {
  CHECK(grid_json(planned("naive_ring", causal(64), {17, 1}), 100'000).is_null());
  CHECK(grid_json(planned("naive_ring", causal(64), {4, 1}), 50).is_null());
  Problem many = causal(8);
  many.sequences.assign(40, {8, 4});
  const Row sampled = grid_json(planned("naive_ring", many, {4, 1}), 100'000);
  CHECK(sampled["sampled"] == true);
  CHECK(sampled["q"].size() == 65);
}

TEST_CASE("a row's case is planned again, whatever its inputs are") {
  std::vector<ReportCase> cases;
  cases.push_back(a_case(R"({"problem": {"sequences": [{"query": 32, "cached": 0}],
    "heads": {"query": 2, "kv": 2, "dim": 8}}, "cluster": {"sp": 2, "tp": 1}, "strategies": ["naive_ring"],
    "inputs": {"file": "/no/such/file", "digest": "00"}})"));
  cases.push_back(a_case(R"({"strategies": ["<script>"]})"));
  cases.push_back(a_case(R"({"problem": {"sequences": [{"query": 320}], "heads": {"query": 2, "kv": 2, "dim": 8}},
    "cluster": {"sp": 65}, "strategies": ["naive_ring"]})"));
  cases.push_back(a_case("[]"));
  cases.push_back(a_case(R"({"problem": {"sequences": [{"query": 32}], "heads": {"query": 257, "kv": 257, "dim": 8}},
    "strategies": ["naive_ring"]})"));
  add_pictures(cases, Traces(), 100'000);
  CHECK(cases[0].json.contains("planned"));
  CHECK(cases[0].json.contains("grid"));
  CHECK_FALSE(cases[0].json.contains("no_plan"));
  for (size_t i = 1; i < cases.size(); ++i) {
    CHECK_FALSE(cases[i].json.contains("planned"));
    CHECK_FALSE(cases[i].json["no_plan"].get<std::string>().empty());
  }
  CHECK_THAT(cases[4].json["no_plan"].get<std::string>(), Catch::Matchers::ContainsSubstring("more than 256 kv heads"));
  CHECK_THAT(cases[2].json["no_plan"].get<std::string>(), Catch::Matchers::ContainsSubstring("more than 64 ranks"));
}

TEST_CASE("a trace's tracks become lanes of its case") {
  const std::string path =
      fmt::format("{}/ringfold-trace-{}.json", std::filesystem::temp_directory_path().string(), ::getpid());
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write(R"({"traceEvents": [
    {"ph": "X", "name": "attend", "pid": 4, "tid": 0, "ts": 1000, "dur": 500, "args": {"operation": 0}},
    {"ph": "X", "name": "exchange", "pid": 4, "tid": 1, "ts": 1200, "dur": 800},
    {"ph": "M", "name": "process_name", "pid": 4, "args": {"name": "x", "id": "abc"}},
    {"ph": "M", "name": "thread_name", "pid": 4, "tid": 0, "args": {"name": "rank 0 compute"}},
    {"ph": "M", "name": "thread_name", "pid": 4, "tid": 1, "args": {"name": "rank 0 exchange"}}],
    "otherData": {"clock_offsets": [{"id": "abc", "offset_us": [0, 7], "uncertainty_us": [0, 2.5]}]}})");
  CHECK(looks_like_trace(path));
  Traces traces;
  CHECK(traces.read(path).empty());
  const Gantt* gantt = traces.find("abc");
  REQUIRE(gantt != nullptr);
  REQUIRE(gantt->lanes.size() == 2);
  CHECK(gantt->lanes[1].is_exchange);
  CHECK(gantt->lanes[1].bars[0].begin_ms == Approx(0.2));
  CHECK(gantt->end_ms() == Approx(1.0));
  CHECK(gantt->clocks_within_ms == Approx(0.0025));
  CHECK(traces.find("other") == nullptr);
  write(R"({"traceEvents": [{"ph": "X", "name": "attend", "pid": 4)");
  CHECK_THAT(traces.read(path), Catch::Matchers::ContainsSubstring("no whole JSON"));
  write(R"({"traceEvents": []})");
  CHECK_THAT(traces.read(path), Catch::Matchers::ContainsSubstring("without cases"));
  write("{}");
  CHECK_FALSE(looks_like_trace(path));
  std::filesystem::remove(path);
}
