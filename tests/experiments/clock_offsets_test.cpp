#include "experiments/clock_offsets.h"

#include "tests/catch.h"
#include "tests/transports/worlds.h"

#include <chrono>
#include <cstdlib>
#include <stdexcept>

using namespace ringfold;

namespace {

int64_t steady_ns() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

}  // namespace

TEST_CASE("clocks are set against rank 0's to within the uncertainty that is stated") {
  constexpr int kRanks = 5;
  const auto ahead_ns = [](int rank) { return rank * int64_t{7'000'000'000} - 9'000'000'000; };
  std::vector<ClockOffset> found;
  const auto said = in_local_worlds(kRanks, [&](World& world) {
    const auto control = world.open(std::chrono::milliseconds(60000));
    const int64_t mine_ns = ahead_ns(world.rank());
    const auto offsets = measure_clock_offsets(*control, [&] { return steady_ns() + mine_ns; });
    if (world.rank() == 0) found = offsets;
    if (world.rank() != 0 && !offsets.empty()) throw std::runtime_error("offsets on another rank");
  });
  CHECK(said == std::vector<std::string>(kRanks));
  REQUIRE(found.size() == kRanks);
  CHECK(found[0].offset_ns == 0);
  CHECK(found[0].uncertainty_ns == 0);
  for (int rank = 1; rank < kRanks; ++rank) {
    CAPTURE(rank);
    const ClockOffset& clock = found[static_cast<size_t>(rank)];
    const int64_t error_ns = clock.offset_ns - (ahead_ns(0) - ahead_ns(rank));
    CHECK(std::abs(error_ns) <= clock.uncertainty_ns);
    CHECK(clock.uncertainty_ns > 0);
    CHECK(clock.uncertainty_ns < 1'000'000'000);  // far less than the clocks are apart
  }
}

TEST_CASE("the round with the shortest round trip counts") {
  std::vector<ClockOffset> found;
  const auto said = in_local_worlds(2, [&](World& world) {
    const auto control = world.open(std::chrono::milliseconds(60000));
    // A clock that leaps ahead while others wait: all rounds but the first take an hour longer by it.
    int looks = 0;
    const auto offsets = measure_clock_offsets(*control, [&] {
      ++looks;
      const bool leaps = world.rank() == 0 && looks > 3;
      return steady_ns() + (leaps ? (looks - 3) * int64_t{3'600'000'000'000} : 0);
    });
    if (world.rank() == 0) found = offsets;
  });
  CHECK(said == std::vector<std::string>(2));
  REQUIRE(found.size() == 2);
  CHECK(std::abs(found[1].offset_ns) < 60'000'000'000);
}
