#include "experiments/clock_offsets.h"

#include <chrono>
#include <cstddef>
#include <string>

namespace ringfold {
namespace {

constexpr int kRounds = 24;

}  // namespace

std::vector<ClockOffset> measure_clock_offsets(Control& control, const std::function<int64_t()>& now_ns) {
  const bool leads = control.rank() == 0;
  std::vector<ClockOffset> best(leads ? static_cast<size_t>(control.size()) : 0);
  int64_t shortest_ns = 0;
  for (int round = 0; round < kRounds; ++round) {
    control.barrier();  // nobody is late for the call
    const int64_t call_ns = now_ns();
    control.broadcast("");
    const std::vector<std::string> answers = control.gather(std::to_string(now_ns()));
    const int64_t trip_ns = now_ns() - call_ns;
    if (!leads || (round > 0 && trip_ns >= shortest_ns)) continue;
    shortest_ns = trip_ns;
    for (size_t rank = 1; rank < best.size(); ++rank) {
      best[rank] = {call_ns + trip_ns / 2 - std::stoll(answers[rank]), (trip_ns + 1) / 2};
    }
  }
  return best;
}

std::vector<ClockOffset> measure_clock_offsets(Control& control) {
  return measure_clock_offsets(
      control, [] { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); });
}

}  // namespace ringfold
