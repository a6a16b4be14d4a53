#include "experiments/ping.h"

#include "lib/ranks.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace ringfold {
namespace {

constexpr int kSmallRounds = 1000;
constexpr int kLargeRounds = 8;
constexpr int64_t kLargeBytes = int64_t{64} << 20;

/// Median round trip in seconds of `bytes` there and back.
double median_round_trip(RankContext& context, int64_t bytes, int rounds) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::byte> memory(static_cast<size_t>(bytes));
  const Transfer transfer{1 - context.rank, 1, memory.data(), bytes};
  BoundExchange send;
  send.sends = {transfer};
  BoundExchange receive;
  receive.receives = {transfer};
  const std::unique_ptr<Fence> done = context.transport.make_fence();
  const auto run = [&](const BoundExchange& exchange) {
    context.transport.enqueue(exchange, nullptr, *done);
    context.transport.synchronize();
  };
  std::vector<double> seconds;
  context.control.barrier();
  for (int round = 0; round < rounds; ++round) {
    const Clock::time_point begin = Clock::now();
    run(context.rank == 0 ? send : receive);
    run(context.rank == 0 ? receive : send);
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + rounds / 2, seconds.end());
  return seconds[static_cast<size_t>(rounds / 2)];
}

}  // namespace

std::optional<Ping> measure_ping(const TransportInfo& transport) {
  std::optional<Ping> ping;
  const std::unique_ptr<Fabric> fabric = transport.make(2, {});
  run_ranks(*fabric, [&](RankContext& context) {
    if (!context.transport.moves(MemoryKind::host)) return;
    const double small = median_round_trip(context, 8, kSmallRounds);
    const double large = median_round_trip(context, kLargeBytes, kLargeRounds);
    if (context.rank != 0) return;
    ping = Ping{small / 2 * 1e6, 2 * static_cast<double>(kLargeBytes) / large / 1e9};
  });
  return ping;
}

}  // namespace ringfold
