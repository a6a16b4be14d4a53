// What the executor and a transport cost when there is nothing to compute, and how fast transports move bytes compared
// with memcpy. Ranks are threads. Prints a table; asserts nothing. A step: enqueue an exchange, wait for what it
// received, an empty compute.
#include "kernels/host_device.h"
#include "lib/executor.h"
#include "lib/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

namespace ringfold {
namespace {

using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

/// Computes nothing.
class NullKernel final : public Kernel {
 public:
  Capabilities capabilities() const override { return {}; }
  Device& device() override { return device_; }
  void attend(Queue&, const AttendTask&) override {}
  void merge(Queue&, const MergeTask&) override {}
  void finish(Queue&, const FinishTask&) override {}
  void copy(Queue&, const CopyTask&) override {}

 private:
  HostDevice device_;
};

/// Each step sends one block of `bytes` to the next rank, receives one, and copies from it.
Schedule steps(int ranks, int count, int64_t bytes) {
  Schedule schedule;
  schedule.problem.heads = {1, 1, 4};
  schedule.cluster.sp = ranks;
  const TokenSet tokens = TokenSet::range(0, 0, bytes / 16);
  const HeadRange heads{0, 1};
  for (int rank = 0; rank < ranks; ++rank) {
    Program program;
    program.blocks.assign(2 + static_cast<size_t>(count),
                          {BlockKind::q, DType::fp32, Layout::heads_outer, tokens, heads});
    program.inputs = {0};
    for (BlockId step = 0; step < count; ++step) {
      const BlockId received = 1 + step % 2;
      program.operations.push_back(
          Exchange{{{(rank + 1) % ranks, 0, {0, tokens, heads}}}, {{(rank - 1 + ranks) % ranks, 0, received}}});
      program.operations.push_back(Copy{{{received, tokens, heads}}, 0});
    }
    for (size_t block = 0; block < program.blocks.size(); ++block) {
      program.offsets.push_back(static_cast<int64_t>(block % 3) * bytes);
    }
    program.arena_bytes = 3 * bytes;
    schedule.ranks.push_back(std::move(program));
  }
  return schedule;
}

/// Median over `repeats` of the slowest rank's time of a step, in microseconds.
double step_us(const char* transport, int ranks, int count, int64_t bytes, int repeats) {
  const Schedule schedule = steps(ranks, count, bytes);
  const auto fabric = find_transport(transport)->make(ranks, {});
  std::vector<double> slowest(static_cast<size_t>(repeats));
  std::mutex mutex;
  run_ranks(*fabric, [&](RankContext& context) {
    NullKernel kernel;
    Executor executor(schedule, context.rank, kernel, context.transport, context.control);
    std::memset(executor.bound(0).data, 1, static_cast<size_t>(3 * bytes));
    executor.run();
    for (double& time : slowest) {
      context.control.barrier();
      const auto start = Clock::now();
      executor.run();
      const double mine = microseconds(Clock::now() - start) / count;
      const std::lock_guard lock(mutex);
      time = std::max(time, mine);
    }
  });
  std::sort(slowest.begin(), slowest.end());
  return slowest[static_cast<size_t>(repeats) / 2];
}

/// Bytes per microsecond of `threads` plain memcpys at once, each thread's share added up.
double memcpy_rate(int threads, int64_t bytes, int repeats) {
  std::vector<double> rates(static_cast<size_t>(threads));
  {
    std::vector<std::jthread> workers;
    for (double& rate : rates) {
      workers.emplace_back([&rate, bytes, repeats] {
        std::vector<std::byte> from(static_cast<size_t>(bytes), std::byte{1});
        std::vector<std::byte> to(static_cast<size_t>(bytes), std::byte{2});
        std::memcpy(to.data(), from.data(), to.size());
        const auto start = Clock::now();
        for (int i = 0; i < repeats; ++i) std::memcpy(to.data(), from.data(), to.size());
        rate = static_cast<double>(bytes) * repeats / microseconds(Clock::now() - start);
      });
    }
  }
  double total = 0;
  for (const double rate : rates) total += rate;
  return total;
}

void report(const char* transport) {
  if (const auto missing = find_transport(transport)->unavailable()) {
    fmt::print("{} is unavailable: {}\n", transport, *missing);
    return;
  }
  fmt::print("{}\n  step, nothing to compute (64-byte exchange, wait, empty compute):\n", transport);
  for (const int ranks : {1, 2, 4}) {
    fmt::print("    {} ranks   {:6.2f} us a step\n", ranks, step_us(transport, ranks, 2000, 64, 15));
  }
  fmt::print(
      "  exchange rate, all ranks together, against plain memcpy on min(ranks, processors) threads in this run:\n");
  for (const int ranks : {2, 4}) {
    const int threads = std::min(ranks, std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
    for (const int64_t bytes : {int64_t{64} << 10, int64_t{1} << 20, int64_t{32} << 20}) {
      const int count = static_cast<int>(std::clamp<int64_t>((int64_t{256} << 20) / bytes, 4, 400));
      const double plain = memcpy_rate(threads, bytes, count) / 1000;
      const double moved = ranks * static_cast<double>(bytes) / step_us(transport, ranks, count, bytes, 5) / 1000;
      fmt::print("    {} ranks  {:8} bytes   {:6.2f} GB/s   memcpy {:6.2f} GB/s   {:4.0f} %\n", ranks, bytes, moved,
                 plain, 100 * moved / plain);
    }
  }
}

}  // namespace
}  // namespace ringfold

int main() {
  fmt::print("{} processors\n\n", std::thread::hardware_concurrency());
  for (const char* transport : {"in_process", "ucx"}) ringfold::report(transport);
  return 0;
}
