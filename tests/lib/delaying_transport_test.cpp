#include "lib/delaying_transport.h"

#include "tests/catch.h"
#include "tests/ring_fixture.h"

namespace ringfold {
namespace {

TEST_CASE("100 seeds of delays change no bit") {
  const Schedule ring = hand_written_ring(3, 19, {2, 1, 4});
  const Outputs expected = run_schedule(ring);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Wrap delays = [seed](RankContext& context) -> std::unique_ptr<Transport> {
      return std::make_unique<DelayingTransport>(context.transport, seed * 16 + static_cast<uint64_t>(context.rank),
                                                 std::chrono::microseconds(200));
    };
    INFO("seed " << seed);
    REQUIRE(run_schedule(ring, delays, 3) == expected);
  }
}

TEST_CASE("delays can be stacked") {
  const Schedule ring = hand_written_ring(4, 9, {1, 1, 4});
  std::vector<std::unique_ptr<DelayingTransport>> inner(4);
  const Wrap delays = [&](RankContext& context) -> std::unique_ptr<Transport> {
    auto& below = inner[static_cast<size_t>(context.rank)];
    below = std::make_unique<DelayingTransport>(context.transport, 1, std::chrono::microseconds(100));
    return std::make_unique<DelayingTransport>(*below, 2, std::chrono::microseconds(100));
  };
  CHECK(run_schedule(ring, delays) == run_schedule(ring));
}

TEST_CASE("random draws follow from the seed and fill their range") {
  RandomDraws a(5);
  RandomDraws b(5);
  std::vector<int> seen(7, 0);
  for (int i = 0; i < 700; ++i) {
    const uint64_t draw = a.below(7);
    CHECK(draw == b.below(7));
    ++seen[draw];
  }
  for (const int count : seen) CHECK(count > 50);  // 100 expected, standard deviation 9
  CHECK(RandomDraws(6).below(1000000) != RandomDraws(7).below(1000000));
}

}  // namespace
}  // namespace ringfold
