// What only in_process promises: the strictest order.
#include "lib/ranks.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"

#include <atomic>
#include <thread>

namespace ringfold {
namespace {

TEST_CASE("an exchange ends only when all its transfers have met, and the next one starts only then") {
  const auto fabric = threads_fabric(2);
  std::atomic<bool> second_posted{false};
  std::atomic<bool> too_early{false};
  run_ranks(*fabric, [&](RankContext& context) {
    uint64_t a = 1;
    uint64_t b = 2;
    const auto receive = [&](const BoundExchange& exchange) {
      const auto done = context.transport.make_fence();
      context.transport.enqueue(exchange, nullptr, *done);
      done->wait();
    };
    const auto bytes = [](uint64_t& value) { return reinterpret_cast<std::byte*>(&value); };
    if (context.rank == 0) {
      const BoundExchange both{0, {{1, 0, bytes(a), 8}, {1, 1, bytes(b), 8}}, {}};
      const auto done = context.transport.make_fence();
      context.transport.enqueue(both, nullptr, *done);
      while (!done->ready()) std::this_thread::yield();
      if (!second_posted) too_early = true;
    } else {
      receive({0, {}, {{0, 0, bytes(a), 8}}});
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      second_posted = true;
      receive({1, {}, {{0, 1, bytes(b), 8}}});
    }
  });
  CHECK_FALSE(too_early);
}

}  // namespace
}  // namespace ringfold
