#include "experiments/machine_rates.h"

#include "kernels/fma_peak.h"

#include <algorithm>

namespace ringfold {
namespace {

constexpr int kLooks = 4;
constexpr double kWatchSeconds = 0.012;

}  // namespace

double core_gflops(double seconds) {
  double best = 0;
  for (int look = 0; look < kLooks; ++look) best = std::max(best, 1e-9 * fma_peak(seconds / kLooks));
  return best;
}

void ClockWatch::begin() { begin_gflops_ = core_gflops(kWatchSeconds); }

double ClockWatch::ratio() const { return begin_gflops_ > 0 ? core_gflops(kWatchSeconds) / begin_gflops_ : 0; }

}  // namespace ringfold
