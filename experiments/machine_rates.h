#pragma once

#include <optional>

namespace ringfold {

/// One core's fp32 rate, see kernels/fma_peak.h, with little time for it: the best of a few looks, in 10^9 operations a
/// second of processor time, so that other programs do not count.
double core_gflops(double seconds);

/// Notices that clocks fall: takes the core's rate before the repeats and after them.
class ClockWatch {
 public:
  void begin();
  /// The rate now / that at begin().
  double ratio() const;

 private:
  double begin_gflops_ = 0;
};

}  // namespace ringfold
