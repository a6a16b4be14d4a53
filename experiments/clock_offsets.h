#pragma once

#include "lib/control.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace ringfold {

/// How a rank's steady clock stands to rank 0's: `offset_ns` added to a time of it is rank 0's time, give or take
/// `uncertainty_ns`.
struct ClockOffset {
  int64_t offset_ns = 0;
  int64_t uncertainty_ns = 0;
};

/// Measured over the control plane, as NTP does: rank 0 calls, all answer with their time, and the answer was given
/// somewhere between call and arrival. Of several rounds that with the shortest round trip counts; half of it is the
/// uncertainty. Collective; rank 0 gets one a rank (its own is exact), the others nothing.
/// `now_ns`: this rank's clock.
std::vector<ClockOffset> measure_clock_offsets(Control& control, const std::function<int64_t()>& now_ns);
/// Of the steady clock.
std::vector<ClockOffset> measure_clock_offsets(Control& control);

}  // namespace ringfold
