// What is peer_copy's own and needs no GPU: which transfers share a flag, and where flags lie. What needs GPUs is in
// gpu_exchanges_test.cpp and gpu_processes_test.cpp.
#include "lib/error.h"
#include "lib/transport.h"
#include "tests/catch.h"
#include "transports/peer_meetings.h"

#include <numeric>
#include <set>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;

using Programs = std::vector<AnnouncedProgram>;

MeetingProgram meetings_of(const Programs& programs, int rank) {
  return plan_meetings(match_transfers(programs, rank), rank, static_cast<int>(programs.size()),
                       programs[static_cast<size_t>(rank)].size());
}

TEST_CASE("peer_copy is described, or what is missing is") {
  const TransportInfo* info = find_transport("peer_copy");
  REQUIRE(info != nullptr);
  const auto missing = info->unavailable();
  if (!missing) {
    CHECK_THAT(info->describe(), ContainsSubstring("GPU"));
    return;
  }
  CHECK_THAT(*missing, ContainsSubstring("peer_copy"));
  CHECK_THROWS_AS(info->make(2, {}), Error);
}

TEST_CASE("the transfers between two exchanges share a flag each way") {
  const Programs programs = {
      {{0, {{1, 7, 8}, {1, 3, 16}}, {{1, 1, 4}}}},
      {{0, {{0, 1, 4}}, {{0, 7, 8}, {0, 3, 16}}}},
  };
  const MeetingProgram mine = meetings_of(programs, 1);
  REQUIRE(mine.exchanges.size() == 1);
  REQUIRE(mine.exchanges[0].incoming.size() == 1);
  REQUIRE(mine.exchanges[0].outgoing.size() == 1);
  CHECK(mine.exchanges[0].incoming[0].transfers.size() == 2);
  CHECK((mine.exchanges[0].incoming[0].peer == 0 && mine.exchanges[0].incoming[0].slot == 0));
  CHECK(mine.incoming_slots == std::vector<int>{1, 0});
  CHECK(mine.outgoing_slots == std::vector<int>{1, 0});
}

TEST_CASE("an exchange that meets several of its peer's has a flag for each") {
  const Programs programs = {
      {{0, {{1, 1, 8}, {1, 2, 8}}, {}}, {1, {{1, 3, 8}, {2, 1, 8}}, {}}},
      {{0, {}, {{0, 2, 8}}}, {1, {}, {{0, 1, 8}, {0, 3, 8}}}},
      {{0, {}, {{0, 1, 8}}}},
  };
  const MeetingProgram sender = meetings_of(programs, 0);
  const MeetingProgram receiver = meetings_of(programs, 1);
  REQUIRE(sender.exchanges[0].outgoing.size() == 2);
  REQUIRE(sender.exchanges[1].outgoing.size() == 2);
  REQUIRE(receiver.exchanges[1].incoming.size() == 2);
  // The same slot on both ends.
  const auto tag = [](const PeerMeeting& meeting) { return meeting.transfers.front().tag; };
  CHECK((tag(sender.exchanges[0].outgoing[0]) == 2 && sender.exchanges[0].outgoing[0].slot == 0));
  CHECK((tag(receiver.exchanges[0].incoming[0]) == 2 && receiver.exchanges[0].incoming[0].slot == 0));
  CHECK((tag(sender.exchanges[0].outgoing[1]) == 1 && sender.exchanges[0].outgoing[1].slot == 1));
  CHECK((tag(receiver.exchanges[1].incoming[0]) == 1 && receiver.exchanges[1].incoming[0].slot == 1));
  CHECK((tag(sender.exchanges[1].outgoing[0]) == 3 && sender.exchanges[1].outgoing[0].slot == 2));
  CHECK((tag(receiver.exchanges[1].incoming[1]) == 3 && receiver.exchanges[1].incoming[1].slot == 2));
  CHECK(sender.outgoing_slots == std::vector<int>{0, 3, 1});
}

TEST_CASE("what a rank sends itself needs no flag, and stays in one exchange") {
  const Programs within = {{{0, {{0, 4, 8}}, {{0, 4, 8}}}}};
  CHECK(meetings_of(within, 0).exchanges[0].own.size() == 1);
  CHECK(meetings_of(within, 0).exchanges[0].incoming.empty());
  const Programs across = {{{0, {{0, 4, 8}}, {}}, {1, {}, {{0, 4, 8}}}}};
  CHECK_THROWS_WITH(meetings_of(across, 0), ContainsSubstring("rank 0 sends itself tag 4 in one exchange"));
}

TEST_CASE("no two flags of a rank share a word") {
  MeetingProgram program;
  program.incoming_slots = {0, 3, 1, 2};
  program.outgoing_slots = {0, 2, 0, 5};
  const FlagLayout layout = lay_out_flags(program);
  std::set<int64_t> words;
  for (size_t peer = 0; peer < 4; ++peer) {
    for (int slot = 0; slot < program.incoming_slots[peer]; ++slot) words.insert(layout.ready[peer] + slot);
    for (int slot = 0; slot < program.outgoing_slots[peer]; ++slot) words.insert(layout.taken[peer] + slot);
  }
  CHECK(words.size() == 13);
  CHECK(*words.rbegin() == 12);
  CHECK(layout.words == 13);
}

}  // namespace
}  // namespace ringfold
