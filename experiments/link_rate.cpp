#include "experiments/link_rate.h"

#include "lib/error.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace ringfold {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMessageBytes = int64_t{4} << 20;
constexpr int kMessages = 4;  ///< of a round
constexpr int64_t kAllBytes = kMessageBytes * kMessages;
constexpr double kSeconds = 0.05;
constexpr int kMostRounds = 8;
/// No plan has tags as large.
constexpr uint64_t kTag = (uint64_t{1} << 30) + 1;

bool all(Control& control, bool mine) {
  bool holds = true;
  for (const std::string& each : control.gather(mine ? "yes" : "no")) holds = holds && each == "yes";
  return control.broadcast(holds ? "yes" : "no") == "yes";
}

}  // namespace

std::optional<double> measure_link_gbps(RankContext& context, Kernel& kernel) {
  const bool takes_part = context.rank < 2;
  std::shared_ptr<std::byte> memory;
  BoundExchange exchange;
  std::unique_ptr<Fence> done;
  try {
    if (takes_part) memory = kernel.device().allocate(kAllBytes);
  } catch (const Error&) {  // none for want of memory, on either side
  }
  if (!all(context.control, !takes_part || memory != nullptr)) return std::nullopt;
  if (takes_part) {
    auto& transfers = context.rank == 0 ? exchange.sends : exchange.receives;
    for (int i = 0; i < kMessages; ++i) {
      transfers.push_back(
          {1 - context.rank, kTag + static_cast<uint64_t>(i), memory.get() + i * kMessageBytes, kMessageBytes});
    }
    done = context.transport.make_fence();
  }
  std::vector<const BoundExchange*> announced;
  if (takes_part) announced.push_back(&exchange);
  context.transport.announce(announced, {memory, takes_part ? kAllBytes : 0, kernel.device().memory_kind()});
  double best = 0;
  double seconds = 0;
  bool goes_on = true;
  for (int round = 0; goes_on; ++round) {
    context.control.barrier();
    const Clock::time_point begin = Clock::now();
    if (takes_part) {
      context.transport.enqueue(exchange, nullptr, *done);
      context.transport.synchronize();
    }
    context.control.barrier();  // what was sent has arrived
    const double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
    seconds += elapsed;
    best = std::max(best, 1e-9 * static_cast<double>(kMessageBytes * kMessages) / elapsed);
    // The first touches the memory and sets up the way.
    goes_on = !context.control.broadcast(round < 2 || (seconds < kSeconds && round < kMostRounds) ? "on" : "").empty();
  }
  return context.rank == 0 ? std::optional(best) : std::nullopt;
}

}  // namespace ringfold
