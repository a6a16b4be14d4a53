// What a barrier of the control plane costs: worlds of threads, over socket pairs as between processes of one host.
#include "lib/error.h"
#include "transports/local_worlds.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>
#include <vector>

namespace {

std::atomic<int64_t> allocations{0};

}  // namespace

void* operator new(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace ringfold {
namespace {

constexpr int kBarriers = 1000;
constexpr int kRounds = 11;

void measure(int ranks) {
  const auto worlds = make_local_worlds(ranks);
  std::vector<double> each_us;
  each_us.reserve(kRounds);
  int64_t allocated = 0;
  const auto run = [&](World& world) {
    const auto control = world.open(std::chrono::milliseconds(60000));
    for (int round = 0; round <= kRounds; ++round) {
      const auto start = std::chrono::steady_clock::now();
      const int64_t before = allocations;
      for (int i = 0; i < kBarriers; ++i) control->barrier();
      const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
      if (world.rank() == 0 && round > 0) {  // the first one warms up
        each_us.push_back(took.count() / kBarriers);
        allocated += allocations - before;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (const auto& world : worlds) threads.emplace_back([&] { run(*world); });
  }
  std::sort(each_us.begin(), each_us.end());
  std::printf("%d ranks: a barrier takes %.1f us (%.1f - %.1f), %.3f allocations in the whole process\n", ranks,
              each_us[each_us.size() / 2], each_us.front(), each_us.back(),
              static_cast<double>(allocated) / (kRounds * kBarriers));
}

}  // namespace
}  // namespace ringfold

int main() {
  for (const int ranks : {2, 4, 8}) ringfold::measure(ranks);
  return 0;
}
