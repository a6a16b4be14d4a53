#include "kernels/gpu_clocks.h"

#include "kernels/cuda_devices.h"

#include <cuda_runtime.h>

#include <dlfcn.h>

namespace ringfold {
namespace {

// Of NVML's interface, whose header the toolkit does not always have.
using NvmlDevice = void*;
constexpr int kNvmlSuccess = 0;
constexpr int kSmClock = 1;
constexpr int kByPower = 0;
constexpr int kByHeat = 1;
struct NvmlViolation {
  unsigned long long reference_us = 0;
  unsigned long long violation_ns = 0;
};

/// The library, opened when it is first needed.
class Nvml {
 public:
  Nvml() : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW)) {
    if (library_ == nullptr) return;
    find(init_, "nvmlInit_v2");
    find(by_bus_, "nvmlDeviceGetHandleByPciBusId_v2");
    find(clock_, "nvmlDeviceGetClockInfo");
    find(most_clock_, "nvmlDeviceGetMaxClockInfo");
    find(power_limit_, "nvmlDeviceGetEnforcedPowerLimit");
    find(violation_, "nvmlDeviceGetViolationStatus");
    is_there_ = is_there_ && init_() == kNvmlSuccess;
  }
  bool is_there() const { return library_ != nullptr && is_there_; }

  /// What a device does not tell stays 0.
  GpuClocks clocks(const char* bus) const {
    GpuClocks clocks;
    NvmlDevice device = nullptr;
    if (by_bus_(bus, &device) != kNvmlSuccess) return clocks;
    unsigned value = 0;
    if (clock_(device, kSmClock, &value) == kNvmlSuccess) clocks.sm_mhz = value;
    if (most_clock_(device, kSmClock, &value) == kNvmlSuccess) clocks.most_sm_mhz = value;
    if (power_limit_(device, &value) == kNvmlSuccess) clocks.power_limit_watts = value / 1000;
    NvmlViolation power;
    NvmlViolation heat;
    if (violation_(device, kByPower, &power) == kNvmlSuccess && violation_(device, kByHeat, &heat) == kNvmlSuccess) {
      clocks.power_ms = static_cast<double>(power.violation_ns) / 1e6;
      clocks.heat_ms = static_cast<double>(heat.violation_ns) / 1e6;
      clocks.time_ms = static_cast<double>(power.reference_us) / 1e3;
    }
    return clocks;
  }

 private:
  template <typename Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    is_there_ = is_there_ && function != nullptr;
  }

  void* library_;
  bool is_there_ = true;
  int (*init_)() = nullptr;
  int (*by_bus_)(const char*, NvmlDevice*) = nullptr;
  int (*clock_)(NvmlDevice, int, unsigned*) = nullptr;
  int (*most_clock_)(NvmlDevice, int, unsigned*) = nullptr;
  int (*power_limit_)(NvmlDevice, unsigned*) = nullptr;
  int (*violation_)(NvmlDevice, int, NvmlViolation*) = nullptr;
};

}  // namespace

std::vector<GpuClocks> gpu_clocks() {
  std::vector<GpuClocks> all;
  const int devices = cuda_devices();
  if (devices == 0) return all;
  static const Nvml nvml;
  if (!nvml.is_there()) return all;
  for (int ordinal = 0; ordinal < devices; ++ordinal) {
    char bus[32] = "";
    int l2_bytes = 0;
    if (cudaDeviceGetPCIBusId(bus, sizeof bus, ordinal) != cudaSuccess ||
        cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, ordinal) != cudaSuccess) {
      (void)cudaGetLastError();  // not to be found by the next check
    }
    all.push_back(nvml.clocks(bus));
    all.back().l2_bytes = l2_bytes;
  }
  return all;
}

}  // namespace ringfold
