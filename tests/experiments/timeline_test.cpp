#include "experiments/timeline.h"

#include "lib/error.h"
#include "tests/catch.h"
#include "tests/folder.h"
#include "tests/ring_fixture.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

using namespace ringfold;
using nlohmann::json;

namespace {

json read(const std::string& path) {
  std::ifstream in(path);
  return json::parse(in);
}

/// Every rank does one operation after the other, 10 us each, 1 us apart; its clock stands at `clock_ns` when it
/// begins.
RankTrace steady_trace(const Program& program, int64_t clock_ns) {
  RankTrace trace;
  trace.begin_ns = clock_ns;
  int64_t at = clock_ns;
  for (size_t i = 0; i < program.operations.size(); ++i) {
    trace.operations.push_back({at, at + 1000, at + 11'000});
    if (std::holds_alternative<Exchange>(program.operations[i])) trace.operations.back().begin_ns = at + 1000;
    at += 11'000;
  }
  trace.end_ns = at;
  return trace;
}

Timeline::CaseTrace ring_trace(const Schedule& schedule, const std::vector<int64_t>& clocks_ns) {
  Timeline::CaseTrace trace{"id1", "ring \"<script>\"", &schedule, {}, {}};
  for (size_t rank = 0; rank < schedule.ranks.size(); ++rank) {
    trace.ranks.push_back(steady_trace(schedule.ranks[rank], clocks_ns[rank]));
    trace.clocks.push_back({clocks_ns[0] - clocks_ns[rank], rank == 0 ? 0 : 40});
  }
  return trace;
}

}  // namespace

TEST_CASE("a timeline has two tracks a rank, and an arrow for each message") {
  const Folder folder;
  const Schedule schedule = hand_written_ring(3, 12, {2, 1, 8});
  {
    Timeline timeline(folder.path("t.json"));
    // Clocks of three hosts, which say different times of the same moment.
    timeline.add(ring_trace(schedule, {5'000'000, 77, 123'456'789'000}));
    timeline.write();
  }
  const json trace = read(folder.path("t.json"));
  std::map<int, std::string> tracks;
  std::map<int, json> sent;
  std::map<int, json> received;
  std::map<std::string, int> counts;
  for (const json& event : trace["traceEvents"]) {
    CHECK(event["pid"] == 0);
    const std::string phase = event["ph"];
    ++counts[phase];
    if (phase == "M" && event["name"] == "process_name") {
      CHECK(event["args"] == json({{"name", "ring \"<script>\""}, {"id", "id1"}}));
    } else if (phase == "M") {
      tracks[event["tid"]] = event["args"]["name"];
    } else if (phase == "X") {
      const int operation = event["args"]["operation"];
      // All ranks began at once: what they do in step stands at the same time.
      CHECK(event["ts"].get<double>() == Catch::Approx(11 * operation + (event["name"] == "wait" ? 0 : 1)));
      CHECK(event["dur"].get<double>() == Catch::Approx(event["name"] == "wait" ? 1 : 10));
      const bool is_exchange = event["name"] == "exchange";
      CHECK(event["tid"].get<int>() % 2 == (is_exchange ? 1 : 0));
      CHECK(event["args"].contains("bytes") == is_exchange);
      // A shard of KV: 4 tokens, 1 head, K and V of 8 fp32.
      if (is_exchange) CHECK(event["args"]["bytes"] == 4 * 2 * 8 * 4);
    } else {
      (phase == "s" ? sent : received)[event["id"]] = event;
    }
  }
  CHECK(tracks == std::map<int, std::string>{{0, "rank 0 compute"},
                                             {1, "rank 0 exchange"},
                                             {2, "rank 1 compute"},
                                             {3, "rank 1 exchange"},
                                             {4, "rank 2 compute"},
                                             {5, "rank 2 exchange"}});
  CHECK(sent.size() == 6);  // 3 ranks pass KV on twice
  REQUIRE(received.size() == sent.size());
  for (const auto& [id, from] : sent) {
    const json& to = received.at(id);
    CHECK(to["bp"] == "e");
    CHECK((from["tid"].get<int>() / 2 + 1) % 3 == to["tid"].get<int>() / 2);
    CHECK(to["ts"].get<double>() > from["ts"].get<double>());
  }
  const json& clocks = trace["otherData"]["clock_offsets"];
  REQUIRE(clocks.size() == 1);
  CHECK(clocks[0]["id"] == "id1");
  CHECK(clocks[0]["offset_us"] == json({0.0, 4999.923, -123451789.0}));
  CHECK(clocks[0]["uncertainty_us"] == json({0.0, 0.04, 0.04}));
}

TEST_CASE("what is said of exchanges that a transport keeps to itself is nothing") {
  const Folder folder;
  const Schedule schedule = hand_written_ring(2, 12, {2, 1, 8});
  Timeline::CaseTrace trace = ring_trace(schedule, {0, 0});
  trace.ranks[0].is_complete = false;
  Timeline timeline(folder.path("t.json"));
  timeline.add(trace);
  timeline.write();
  const json page = read(folder.path("t.json"));
  for (const json& event : page["traceEvents"]) {
    CHECK(event["ph"] != "s");
    if (event["ph"] == "X") CHECK(event["tid"] != 1);
  }
}

TEST_CASE("a timeline is whole JSON whenever its writer goes, and nothing is left where nothing was done") {
  const Folder folder;
  const Schedule schedule = hand_written_ring(2, 12, {2, 1, 8});
  const Timeline::CaseTrace trace = ring_trace(schedule, {0, 0});
  {
    Timeline timeline(folder.path("a.json"));
    timeline.add(trace);
    timeline.add(trace);
  }
  const json cut = read(folder.path("a.json"));
  CHECK(cut["otherData"]["clock_offsets"].size() == 2);
  CHECK(cut["traceEvents"].back()["pid"] == 1);
  {
    const Timeline nothing(folder.path("b.json"));
  }
  CHECK_FALSE(std::filesystem::exists(folder.path("b.json")));
  std::ofstream(folder.path("c.json")) << "kept";
  {
    const Timeline nothing(folder.path("c.json"));
  }
  CHECK(std::filesystem::file_size(folder.path("c.json")) == 4);
  {
    Timeline empty(folder.path("d.json"));
    empty.write();
  }
  CHECK(read(folder.path("d.json"))["traceEvents"].empty());
  CHECK_THROWS_AS(Timeline("/no/dir/t.json"), Error);
  Timeline full("/dev/full");
  full.add(trace);
  CHECK_THROWS_AS(full.write(), Error);
}
