#include "transports/gpus.h"

#include "transports/cuda_check.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <vector>

namespace ringfold {

namespace {

/// Streams that share one of the device's 8 connections wait for each other: a rank has a stream for each peer, and
/// what one of them waits for must not hold up what is computed. Read by the driver when it starts.
void ask_for_connections() {
  static std::once_flag once;
  std::call_once(once, [] { setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0); });
}

bool reaches(int device, int peer) {
  int can = 0;
  return cudaDeviceCanAccessPeer(&can, device, peer) == cudaSuccess && can != 0;
}

std::string model_of(int device) {
  cudaDeviceProp properties{};
  return cudaGetDeviceProperties(&properties, device) == cudaSuccess ? properties.name : "unknown";
}

}  // namespace

std::optional<std::string> no_gpu() {
  ask_for_connections();
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    (void)cudaGetLastError();
    int driver = 0;
    (void)cudaDriverGetVersion(&driver);
    if (driver == 0) return "no CUDA driver";
    return fmt::format("the CUDA driver is too old: it knows CUDA {}.{}, this program needs {}.{}", driver / 1000,
                       driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  }
  if (status != cudaSuccess) {
    (void)cudaGetLastError();
    return fmt::format("no GPU: {}", cudaGetErrorString(status));
  }
  if (count == 0) return "no GPU";
  return std::nullopt;
}

int gpu_count() {
  int count = 0;
  if (no_gpu()) return 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

void check_gpus_for(int ranks_here) {
  const auto none = no_gpu();
  RINGFOLD_CHECK(!none, ExitCode::unavailable, "{}", *none);
  const int count = gpu_count();
  RINGFOLD_CHECK(ranks_here <= count, ExitCode::unavailable, "{} ranks on this host, but it has {} GPU{}: one a rank",
                 ranks_here, count, count == 1 ? "" : "s");
}

std::string describe_gpus() {
  const int count = gpu_count();
  std::vector<std::string> models;
  for (int device = 0; device < count; ++device) {
    const std::string model = model_of(device);
    if (models.empty() || models.back() != model) models.push_back(model);
  }
  return fmt::format("{} GPU{} ({})", count, count == 1 ? "" : "s", fmt::join(models, ", "));
}

std::string describe_peer_access() {
  const int count = gpu_count();
  std::vector<std::string> missing;
  for (int device = 0; device < count; ++device) {
    std::string row;
    for (int peer = 0; peer < count; ++peer) {
      if (peer != device && !reaches(device, peer)) row += fmt::format("{}{}", row.empty() ? "" : ", ", peer);
    }
    if (!row.empty()) missing.push_back(fmt::format("GPU {} does not reach {}", device, row));
  }
  if (count < 2) return "one GPU";
  return missing.empty() ? "each reaches the memory of every other" : fmt::format("{}", fmt::join(missing, "; "));
}

std::string gpu_name(int device) {
  return fmt::format("GPU {} ({}, {})", device, model_of(device), gpu_address(device));
}

std::string gpu_address(int device) {
  std::array<char, 32> address{};
  RINGFOLD_CUDA(cudaDeviceGetPCIBusId(address.data(), static_cast<int>(address.size()), device));
  return address.data();
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace ringfold
