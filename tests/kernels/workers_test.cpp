#include "kernels/workers.h"

#include "tests/catch.h"

#include <atomic>
#include <set>
#include <stdexcept>

using namespace ringfold;

TEST_CASE("workers each run once a round, the caller among them") {
  for (const int count : {1, 2, 5}) {
    Workers workers(count);
    CHECK(workers.count() == count);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
      std::atomic<bool> here = false;
      const auto caller = std::this_thread::get_id();
      workers.run([&](int worker) {
        ++calls[static_cast<size_t>(worker)];
        if (worker == 0) here = std::this_thread::get_id() == caller;
      });
      for (const auto& called : calls) CHECK(called == 1);
      CHECK(here);
    }
  }
}

TEST_CASE("the first error of a round reaches the caller, and the next round is clean") {
  for (const int failing : {0, 2}) {
    Workers workers(3);
    CHECK_THROWS_AS(workers.run([&](int worker) {
      if (worker == failing) throw std::runtime_error("no");
    }),
                    std::runtime_error);
    std::atomic<int> calls = 0;
    workers.run([&](int) { ++calls; });
    CHECK(calls == 3);
  }
}
