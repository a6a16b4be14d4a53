// How a rank waits for its device, without one: the words that streams write are written by the tests.
#include "transports/stream_watch.h"

#include "lib/error.h"
#include "lib/stop.h"
#include "tests/catch.h"

#include <cstring>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

class ListeningControl final : public Control {
 public:
  int rank() const override { return 1; }
  int size() const override { return 3; }
  void barrier() override {}
  std::vector<std::string> gather(const std::string&) override { return {}; }
  std::string broadcast(const std::string& text) override { return text; }
  void tick() override { ++ticks; }
  void enter(int, const char*) override {}
  void waits_for(std::span<const Wanted> list) override { told.emplace_back(list.begin(), list.end()); }
  void check() override {
    if (failure) throw *failure;
  }
  void abort(const Error&) noexcept override {}

  int ticks = 0;
  std::vector<std::vector<Wanted>> told;
  std::optional<Error> failure;
};

/// Two exchanges: the first sends to rank 0, the second receives from rank 2.
struct Watched {
  explicit Watched(milliseconds deadline, bool needs_compute_units)
      : words(new std::byte[8](), [](std::byte* freed) { delete[] freed; }),
        watch(control, deadline, needs_compute_units, words) {
    first.operation = 4;
    first.sends = {{0, 7, nullptr, 64}, {1, 8, nullptr, 64}};
    second.operation = 6;
    second.receives = {{2, 9, nullptr, 128}};
    watch.announce(std::vector<const BoundExchange*>{&first, &second});
  }
  void write(uint32_t begun, uint32_t ended) {
    std::memcpy(words.get(), &begun, sizeof begun);
    std::memcpy(words.get() + 4, &ended, sizeof ended);
  }
  void wait(milliseconds time) {
    const auto end = Clock::now() + time;
    watch.wait([end] { return Clock::now() > end; }, {});
  }

  ListeningControl control;
  std::shared_ptr<std::byte> words;
  BoundExchange first;
  BoundExchange second;
  StreamWatch watch;
};

TEST_CASE("exchanges are numbered in their order, and a strange one is refused") {
  Watched watched(milliseconds(1000), false);
  CHECK(watched.watch.number_of(watched.first) == 1);
  CHECK(watched.watch.number_of(watched.second) == 2);
  CHECK_THROWS_WITH(watched.watch.number_of(BoundExchange{}), ContainsSubstring("was not announced"));
}

TEST_CASE("a rank whose device computes gives signs of life and waits for nobody") {
  Watched watched(milliseconds(1000), false);
  watched.write(1, 1);
  watched.wait(milliseconds(60));
  CHECK(watched.control.ticks > 5);
  CHECK(watched.control.told.empty());
}

TEST_CASE("a rank whose exchange is in flight says what it waits for, and gives no signs of life meanwhile") {
  Watched watched(milliseconds(1000), false);
  watched.write(1, 0);
  watched.wait(milliseconds(60));
  CHECK(watched.control.ticks <= 1);
  REQUIRE(watched.control.told.size() == 2);
  REQUIRE(watched.control.told[0].size() == 1);  // nobody waits for himself
  const Wanted wanted = watched.control.told[0][0];
  CHECK((wanted.peer == 0 && wanted.operation == 4 && wanted.tag == 7 && wanted.bytes == 64));
  CHECK(std::string(wanted.what) == "to receive");
  CHECK(watched.control.told[1].empty());  // the wait has ended
}

TEST_CASE("an exchange that may wait for compute units of its own rank is life") {
  Watched watched(milliseconds(1000), true);
  watched.write(2, 1);
  watched.wait(milliseconds(60));
  CHECK(watched.control.ticks > 5);
  REQUIRE(watched.control.told.size() == 2);
  CHECK(watched.control.told[0][0].peer == 2);
}

TEST_CASE("what is waited for changes with the exchange in flight") {
  Watched watched(milliseconds(1000), false);
  watched.write(1, 0);
  const auto start = Clock::now();
  watched.watch.wait(
      [&] {
        if (Clock::now() > start + milliseconds(40)) watched.write(2, 1);
        return Clock::now() > start + milliseconds(80);
      },
      {});
  REQUIRE(watched.control.told.size() == 3);
  CHECK(watched.control.told[1][0].operation == 6);
  CHECK(watched.control.ticks >= 1);
}

TEST_CASE("a device that does not get on for long is given up, with what it waits for") {
  Watched watched(milliseconds(10), true);
  watched.write(2, 1);
  try {
    watched.wait(milliseconds(60000));
    FAIL("waited");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::deadline);
    CHECK_THAT(error.what(),
               ContainsSubstring("rank 1: its device shows no progress for") &&
                   ContainsSubstring("rank 1, operation 6 (exchange) waits for rank 2 to send 128 bytes"));
  }
}

TEST_CASE("a wait ends with the group's error, an interruption, or what else is looked at") {
  Watched watched(milliseconds(1000), false);
  const auto look = [] { throw Error(ExitCode::peer_lost, "looked"); };
  CHECK_THROWS_WITH(watched.watch.wait([] { return false; }, look), "looked");
  watched.control.failure = Error(ExitCode::numerics, "another rank's");
  CHECK_THROWS_WITH(watched.wait(milliseconds(60000)), "another rank's");
  watched.control.failure.reset();
  request_stop();
  CHECK_THROWS_WITH(watched.wait(milliseconds(60000)), "interrupted");
  clear_stop();
}

TEST_CASE("a rank that waits for peers on its host says so and lives") {
  Watched watched(milliseconds(1000), false);
  const auto end = Clock::now() + milliseconds(60);
  const std::vector<Wanted> wants = {{0, "a connection", -1, 0, 0}};
  watched.watch.meet([end] { return Clock::now() > end; }, wants);
  CHECK(watched.control.ticks > 5);
  REQUIRE(watched.control.told.size() == 2);
  CHECK(std::string(watched.control.told[0][0].what) == "a connection");
}

}  // namespace
}  // namespace ringfold
