#pragma once

#include <cstdint>
#include <vector>

namespace ringfold {

/// A GPU's clocks and what holds them down, as its driver's management library (NVML) tells.
struct GpuClocks {
  int64_t sm_mhz = 0;  ///< now
  int64_t most_sm_mhz = 0;
  int64_t power_limit_watts = 0;
  int64_t l2_bytes = 0;
  /// For how long clocks have been held down so far, and the time of that, all of the driver's clock.
  double power_ms = 0;  ///< by the power limit
  double heat_ms = 0;
  double time_ms = 0;
};

/// Of this host's CUDA devices, in the order of their numbers; none where the driver or NVML are missing.
std::vector<GpuClocks> gpu_clocks();

}  // namespace ringfold
