#include "experiments/machine_rates.h"

#include "kernels/fma_peak.h"

#include <algorithm>

namespace ringfold {
namespace {

constexpr int kLooks = 4;
constexpr double kWatchSeconds = 0.012;
constexpr double kDoubtful = 0.97;
constexpr int kLooksAgain = 5;

}  // namespace

double core_gflops(double seconds) {
  double best = 0;
  for (int look = 0; look < kLooks; ++look) best = std::max(best, 1e-9 * fma_peak(seconds / kLooks));
  return best;
}

void ClockWatch::begin() { begin_gflops_ = core_gflops(kWatchSeconds); }

double ClockWatch::ratio() const {
  if (begin_gflops_ <= 0) return 0;
  double now = core_gflops(kWatchSeconds);
  // Clocks that have fallen stay low; what shares the core comes and goes.
  for (int again = 0; again < kLooksAgain && now < kDoubtful * begin_gflops_; ++again) {
    now = std::max(now, core_gflops(kWatchSeconds));
  }
  return now / begin_gflops_;
}

}  // namespace ringfold
