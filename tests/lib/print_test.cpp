#include "lib/print.h"

#include "lib/passes.h"
#include "tests/catch.h"
#include "tests/strategies/plan_model.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

namespace ringfold {
namespace {

Problem prefill(int64_t tokens, Heads heads, int64_t cached = 0) {
  Problem problem;
  problem.sequences = {{tokens, cached}};
  problem.heads = heads;
  return problem;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The words of the first line that begins with these two characters and this word.
std::vector<std::string> row(const std::string& text, const std::string& name) {
  for (const std::string& line : lines_of(text)) {
    if (line.rfind("  " + name, 0) != 0) continue;
    std::istringstream words(line.substr(10));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

using Words = std::vector<std::string>;

TEST_CASE("bytes are printed in the unit that fits") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes((int64_t{1} << 20) - 1) == "1.0 MiB");
  CHECK(format_bytes(int64_t{5} << 60) == "5.0 EiB");
}

TEST_CASE("the diagram of naive_ring shows the shards going round, and who idles") {
  const std::string text = print_diagram(plan_with("naive_ring", {}, prefill(64, {8, 2, 16}), {4, 1}));
  CHECK(row(text, "rank 0") == Words{"0\\", "3.", "2.", "1."});
  CHECK(row(text, "rank 2") == Words{"2\\", "1", "0", "3."});
  CHECK(row(text, "to") == Words{"r+1", "r+1", "r+1"});
  CHECK(row(text, "bytes") == Words{"4.0K", "4.0K", "4.0K"});  // 16 tokens, 2 kv heads, K and V, 16 channels, 4 bytes
  CHECK(row(text, "balance") == Words{"100%", "75%", "50%", "25%"});
  CHECK(text.find("lock-step efficiency 0.58") != std::string::npos);  // 2080 / (4 (136 + 3 * 256))
}

TEST_CASE("the diagram of balanced_ring shows equal work in each step") {
  const std::string text = print_diagram(plan_with("balanced_ring", {}, prefill(64, {8, 4, 16}), {4, 1}));
  CHECK(row(text, "rank 1") == Words{"1\\", "0\\", "3\\+0-1", "2\\+0-1"});
  CHECK(row(text, "to") == Words{"r+1", "r+2", "r+3"});
  CHECK(row(text, "bytes") == Words{"2.0K", "2.0K", "2.0K"});
  CHECK(row(text, "balance") == Words{"100%", "100%", "100%", "100%"});
  CHECK(text.find("    Q 3    3   3   3   3\n") != std::string::npos);  // rank 2 meets KV 3 last
  CHECK(text.find("    Q 1    2   1   .   .\n") != std::string::npos);
}

TEST_CASE("the diagram of all_gather has one exchange, and shows a redistribution around it") {
  Problem problem = prefill(64, {8, 2, 16});
  std::string text = print_diagram(plan_with("all_gather", {}, problem, {4, 1}));
  CHECK(row(text, "rank 3") == Words{"-", "0-2\\+3"});
  CHECK(row(text, "to") == Words{"all"});
  problem.placement = PlacementKind::heads;
  text = print_diagram(plan_with("all_gather", {{"layout", "zigzag"}}, problem, {4, 1}));
  CHECK(row(text, "moves") == Words{"QKV", "KV", "O"});
}

TEST_CASE("a diagram fits 100 columns, whatever it shows", "[slow]") {
  for (const Problem& ugly : ugly_problems()) {
    for (const Cluster cluster : {Cluster{1, 1}, Cluster{2, 2}, Cluster{7, 1}, Cluster{16, 1}, Cluster{40, 1}}) {
      if (ugly.heads.query % cluster.tp != 0) continue;
      for (const char* strategy : {"naive_ring", "all_gather", "balanced_ring"}) {
        if (strategy == std::string("balanced_ring") && ugly.heads.query / cluster.tp < cluster.sp) continue;
        Problem problem = ugly;
        for (const PlacementKind kind : {PlacementKind::native, PlacementKind::heads}) {
          problem.placement = kind;
          const Schedule schedule = plan_with(strategy, {}, problem, cluster);
          for (const std::string& line : lines_of(print_diagram(schedule))) {
            INFO(line);
            CHECK(line.size() <= 100);
          }
        }
      }
    }
  }
}

TEST_CASE("of many ranks the first and the last are shown") {
  const std::string text = print_diagram(plan_with("naive_ring", {}, prefill(1000, {8, 2, 16}), {64, 1}));
  CHECK(row(text, "rank 63").size() == 16);
  CHECK(row(text, "rank 20").empty());
  CHECK(text.find("       ...\n") != std::string::npos);
}

TEST_CASE("text names every operation and what it reads and makes") {
  const Schedule schedule = plan_with("balanced_ring", {}, prefill(64, {8, 4, 16}), {4, 1});
  const std::string text = print_text(schedule, {1});
  const std::vector<std::string> lines = lines_of(text);
  CHECK(lines[0] == "rank 1 of 4: balanced_ring, 12 operations");
  CHECK(lines[1] == "       in        q0 = tokens 0:[0,64) heads [2,4), 8.0 KiB");
  CHECK(lines[3] == "     0 exchange  send to 2 (tag 0x0): kv1 heads [2,3), 2.0 KiB");
  CHECK(lines[4] == "                 receive from 0 (tag 0x0): kv2 = tokens 0:[0,16) heads [1,2), 2.0 KiB");
  CHECK(lines[5] ==
        "     1 attend    q0 tokens 0:[16,32) sees kv1 heads [1,2) (causal) -> s3 = tokens 0:[0,64) heads [2,4), 8.5 "
        "KiB");
  CHECK(text.find("finish    s") != std::string::npos);
  CHECK(print_text(schedule, all_ranks(schedule)).find("rank 3 of 4") != std::string::npos);
}

TEST_CASE("long lists are cut short in text") {
  const Schedule schedule = plan_with("all_gather", {}, prefill(640, {8, 2, 16}), {64, 1});
  const std::string text = print_text(schedule, {63});
  CHECK(text.find("and 57 more") != std::string::npos);
  CHECK(lines_of(text).size() < 30);
}

TEST_CASE("JSON holds the whole plan") {
  Problem problem = prefill(64, {8, 4, 16}, 8);
  problem.placement = PlacementKind::zigzag;
  const Schedule schedule = assign_buffers(plan_with("balanced_ring", {{"heads", "within_groups"}}, problem, {2, 2}));
  std::string text;
  print_json(schedule, {1, 2}, [&](std::string_view piece) { text += piece; });
  const nlohmann::json json = nlohmann::json::parse(text);
  REQUIRE(json.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    const Program& program = schedule.ranks[i + 1];
    CHECK(json[i]["rank"] == i + 1);
    CHECK(json[i]["inputs"] == program.inputs);
    CHECK(json[i]["outputs"] == program.outputs);
    REQUIRE(json[i]["blocks"].size() == program.blocks.size());
    for (size_t b = 0; b < program.blocks.size(); ++b) {
      CHECK(json[i]["blocks"][b]["kind"] == std::string(to_string(program.blocks[b].kind)));
      CHECK(json[i]["blocks"][b]["bytes"] == bytes_of(program.blocks[b], 16));
      CHECK(json[i]["blocks"][b]["offset"] == program.offsets[b]);
    }
    REQUIRE(json[i]["operations"].size() == program.operations.size());
    for (size_t o = 0; o < program.operations.size(); ++o) {
      const nlohmann::json& operation = json[i]["operations"][o];
      CHECK(operation["op"] == std::string(name_of(program.operations[o])));
      if (const auto* exchange = std::get_if<Exchange>(&program.operations[o])) {
        CHECK(operation["sends"].size() == exchange->sends.size());
        for (size_t s = 0; s < exchange->sends.size(); ++s) {
          CHECK(operation["sends"][s]["tag"].get<double>() == static_cast<double>(exchange->sends[s].tag));
          CHECK(operation["sends"][s]["peer"] == exchange->sends[s].peer);
        }
      }
      if (const auto* attend = std::get_if<Attend>(&program.operations[o])) {
        CHECK(operation["state"] == attend->state);
        CHECK(operation.contains("state_in") == (attend->state_in != kNoBlock));
        CHECK(operation["kv"].size() == attend->kv.size());
      }
    }
  }
}

TEST_CASE("JSON is written in pieces, each small") {
  const Schedule schedule = plan_with("all_gather", {}, prefill(6400, {8, 2, 16}), {64, 1});
  size_t largest = 0, pieces = 0;
  print_json(schedule, all_ranks(schedule), [&](std::string_view piece) {
    largest = std::max(largest, piece.size());
    ++pieces;
  });
  CHECK(pieces > 10);
  CHECK(largest < (1 << 17));
}

}  // namespace
}  // namespace ringfold
