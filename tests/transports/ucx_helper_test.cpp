// When the helper of a rank looks: often where the rank may have gone to compute, rarely while the rank makes progress
// itself, never once it sleeps - until it is called.
#include "transports/ucx_helper.h"

#include "tests/catch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace ringfold {
namespace {

using Clock = std::chrono::steady_clock;

/// Long enough for any machine; false where it is over first.
template <typename Condition>
bool comes_true(Condition&& condition) {
  const auto patience = Clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (Clock::now() > patience) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// From each look to the next, of a helper that finds `found` at each but the first.
std::vector<Clock::duration> naps(UcxHelper::Found found, size_t count) {
  std::vector<Clock::duration> all;
  std::atomic<bool> full{false};
  Clock::time_point left{};
  const auto look = [&] {
    if (left != Clock::time_point{} && all.size() < count) all.push_back(Clock::now() - left);
    full = all.size() == count;
    const bool is_first = left == Clock::time_point{};
    left = Clock::now();
    return is_first ? UcxHelper::Found::busy : found;
  };
  const UcxHelper helper(-1, look);
  CHECK(comes_true([&] { return full.load(); }));
  return all;
}

TEST_CASE("a helper looks ever more rarely while its rank makes progress itself") {
  const auto driven = naps(UcxHelper::Found::driven, 12);
  for (size_t i = 0; i < driven.size(); ++i) {
    INFO("nap " << i);
    CHECK(driven[i] >= std::min(UcxHelper::kShortest * (1 << i), UcxHelper::kLongest));
  }
  // However busy the machine, one of so many naps ends in time.
  const auto busy = naps(UcxHelper::Found::busy, 1000);
  CHECK(*std::min_element(busy.begin(), busy.end()) < UcxHelper::kLongest);
}

TEST_CASE("a helper with nothing to do for long sleeps until it is called") {
  for (const auto found : {UcxHelper::Found::nothing, UcxHelper::Found::driven}) {
    std::atomic<int> looks{0};
    UcxHelper helper(-1, [&] {
      ++looks;
      return found;
    });
    CHECK(comes_true([&] { return looks > 50; }));
    const int before = looks;
    std::this_thread::sleep_for(10 * UcxHelper::kLongest);
    CHECK(looks == before);
    helper.call();
    CHECK(comes_true([&] { return looks > before; }));
  }
}

}  // namespace
}  // namespace ringfold
