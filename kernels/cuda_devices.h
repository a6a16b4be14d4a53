#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ringfold {

/// CUDA devices of this host; 0 where the driver is missing.
int cuda_devices();

/// What is known of a device without making a context on it.
struct CudaDeviceInfo {
  std::string name;
  int major = 0;  ///< compute capability
  int minor = 0;
  int64_t bytes = 0;
  int multiprocessors = 0;
};
/// Throws Error if there is no such device.
CudaDeviceInfo cuda_device_info(int ordinal);

/// Bytes that a device has left. Makes a context there.
std::optional<int64_t> cuda_free_bytes(int ordinal);

/// Bytes that a copy within device 0 reads and writes, in 10^9 a second: the best of a few. 0 if there is no memory for
/// it.
double cuda_memory_gbps();

/// Why a kernel for devices of compute capability `major` and later cannot run here, if it cannot. Looks at device 0:
/// the devices of a host are alike.
std::optional<std::string> cuda_unavailable(int major = 8);
/// "4 x NVIDIA H100 80GB HBM3, sm_90, 79.1 GiB each, driver for CUDA 13.0, runtime 13.0"
std::string describe_cuda_devices();

}  // namespace ringfold
