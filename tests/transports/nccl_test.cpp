// What is NCCL's own and needs no GPU: in which order transfers without tags meet. What needs GPUs is in
// gpu_exchanges_test.cpp and gpu_processes_test.cpp.
#include "lib/error.h"
#include "lib/ranks.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "transports/transfer_order.h"

#include <atomic>
#include <random>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;

using Programs = std::vector<AnnouncedProgram>;

std::string refusal_of(const Programs& programs, int rank) {
  try {
    match_transfers(programs, rank);
  } catch (const Error& error) {
    return error.code() == ExitCode::internal ? error.what() : "another code";
  }
  return {};
}

/// The tags of what one rank sends to, or receives from, another, in the order in which it would be posted.
std::vector<uint64_t> tags(const std::vector<MatchedTransfer>& transfers, int peer) {
  std::vector<uint64_t> list;
  for (const MatchedTransfer& each : transfers) {
    if (each.peer == peer) list.push_back(each.tag);
  }
  return list;
}

TEST_CASE("NCCL is described, or what is missing is") {
  const TransportInfo* info = find_transport("nccl");
  REQUIRE(info != nullptr);
  const auto missing = info->unavailable();
  if (!missing) {
    CHECK_THAT(info->describe(), ContainsSubstring("NCCL 2.") && ContainsSubstring("GPU"));
    return;
  }
  CHECK_THAT(*missing, ContainsSubstring("NCCL"));
  CHECK(missing->find('\n') == std::string::npos);
  CHECK_THROWS_WITH(info->make(2, {}), *missing);
}

TEST_CASE("more ranks than GPUs are refused before the run") {
  for (const std::string id : {"nccl", "peer_copy"}) {
    const TransportInfo* info = find_transport(id);
    if (info->unavailable()) continue;
    CHECK_THROWS_WITH(info->make(1000, {}), ContainsSubstring("1000 ranks on this host, but it has"));
  }
}

TEST_CASE("both ends of a pair post their transfers in one order") {
  // Within an exchange the order of the lists is of no account.
  const Programs programs = {
      {{0, {{1, 7, 8}, {1, 3, 16}, {1, 5, 0}}, {{1, 1, 4}}}, {1, {{1, 2, 8}}, {}}},
      {{0, {{0, 1, 4}}, {{0, 5, 0}, {0, 7, 8}, {0, 3, 16}}}, {1, {}, {{0, 2, 8}}}},
  };
  const MatchedProgram first = match_transfers(programs, 0);
  const MatchedProgram second = match_transfers(programs, 1);
  CHECK(tags(first.sends, 1) == std::vector<uint64_t>{3, 5, 7, 2});
  CHECK(tags(second.receives, 0) == tags(first.sends, 1));
  CHECK(tags(first.receives, 1) == std::vector<uint64_t>{1});
  REQUIRE(second.receives.size() == 4);
  CHECK(second.receives[0] == MatchedTransfer{0, 0, 2, 0, 1, 3, 16});
}

TEST_CASE("one exchange may meet several of its peer's, and a tag may come again") {
  const Programs programs = {
      {{0, {{1, 1, 8}, {1, 2, 8}, {1, 3, 8}}, {}}, {1, {{1, 1, 4}}, {}}},
      {{0, {}, {{0, 3, 8}}}, {1, {}, {{0, 2, 8}, {0, 1, 8}}}, {2, {}, {{0, 1, 4}}}},
  };
  const MatchedProgram sender = match_transfers(programs, 0);
  CHECK(tags(sender.sends, 1) == std::vector<uint64_t>{3, 1, 2, 1});
  CHECK(tags(match_transfers(programs, 1).receives, 0) == tags(sender.sends, 1));
}

TEST_CASE("a transfer to oneself is matched like any other") {
  const Programs programs = {{{0, {{0, 4, 8}, {0, 2, 8}}, {{0, 2, 8}, {0, 4, 8}}}}};
  const MatchedProgram matched = match_transfers(programs, 0);
  CHECK(tags(matched.sends, 0) == std::vector<uint64_t>{2, 4});
  CHECK(tags(matched.receives, 0) == std::vector<uint64_t>{2, 4});
}

TEST_CASE("transfers that do not match are refused, naming both ends") {
  CHECK_THAT(refusal_of({{{3, {{1, 7, 8}}, {}}}, {}}, 0),
             ContainsSubstring("rank 0, operation 3 sends 8 bytes with tag 7, which rank 1 never receives"));
  CHECK_THAT(refusal_of({{}, {{2, {}, {{0, 7, 8}}}}}, 1),
             ContainsSubstring("rank 1, operation 2 receives tag 7, which rank 0 never sends"));
  CHECK_THAT(refusal_of({{{0, {{1, 7, 8}}, {}}}, {{1, {}, {{0, 7, 8}}}, {2, {}, {{0, 7, 8}}}}}, 0),
             ContainsSubstring("rank 1, operation 2 receives 8 bytes with tag 7, which rank 0 never sends"));
  CHECK_THAT(
      refusal_of({{{3, {{1, 7, 8}}, {}}}, {{5, {}, {{0, 7, 9}}}}}, 1),
      ContainsSubstring("rank 0, operation 3 sends 8 bytes with tag 7 to rank 1, which expects 9 in operation 5"));
  CHECK_THAT(
      refusal_of({{{0, {{1, 1, 8}}, {}}, {1, {{1, 2, 8}}, {}}}, {{0, {}, {{0, 2, 8}}}, {1, {}, {{0, 1, 8}}}}}, 0),
      ContainsSubstring("neither can be first"));
}

TEST_CASE("random programs meet in one order on both ends") {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    const int ranks = 2 + round % 4;
    Programs programs(static_cast<size_t>(ranks));
    for (int exchange = 0; exchange < 4; ++exchange) {
      for (AnnouncedProgram& program : programs) program.push_back({exchange, {}, {}});
      for (int i = 0; i < 12; ++i) {
        const auto from = random() % static_cast<unsigned>(ranks);
        const auto to = random() % static_cast<unsigned>(ranks);
        const AnnouncedTransfer there{static_cast<int>(to), random() % 1000 * 12 + static_cast<unsigned>(i), i};
        programs[from].back().sends.push_back(there);
        programs[to].back().receives.push_back({static_cast<int>(from), there.tag, there.bytes});
      }
      for (AnnouncedProgram& program : programs) {
        std::shuffle(program.back().sends.begin(), program.back().sends.end(), random);
        std::shuffle(program.back().receives.begin(), program.back().receives.end(), random);
      }
    }
    std::vector<MatchedProgram> matched;
    for (int rank = 0; rank < ranks; ++rank) matched.push_back(match_transfers(programs, rank));
    for (int from = 0; from < ranks; ++from) {
      for (int to = 0; to < ranks; ++to) {
        CHECK(tags(matched[static_cast<size_t>(from)].sends, to) ==
              tags(matched[static_cast<size_t>(to)].receives, from));
      }
    }
  }
}

TEST_CASE("programs travel as they are, and all hear what all say") {
  const AnnouncedProgram program = {{4, {{1, uint64_t{1} << 63, int64_t{1} << 40}}, {}},
                                    {9, {}, {{0, 0, 0}, {2, 1, 7}}}};
  CHECK(program_of(to_bytes(program)) == program);
  CHECK(program_of(to_bytes(AnnouncedProgram{})).empty());
  std::atomic<int> wrong{0};
  const auto fabric = threads_fabric(3);
  run_ranks(*fabric, [&](RankContext& context) {
    const std::string mine(static_cast<size_t>(context.rank), 'x');
    wrong += all_say(context.control, mine) != std::vector<std::string>{"", "x", "xx"};
  });
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace ringfold
