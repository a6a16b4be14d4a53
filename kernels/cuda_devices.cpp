#include "kernels/cuda_devices.h"

#include "kernels/cuda_check.h"
#include "lib/error.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <memory>

namespace ringfold {

namespace {

struct Count {
  int devices = 0;
  cudaError_t error = cudaSuccess;
};

Count count_devices() {
  Count count;
  count.error = cudaGetDeviceCount(&count.devices);
  if (count.error != cudaSuccess) {
    count.devices = 0;
    (void)cudaGetLastError();  // not to be found by the next check
  }
  return count;
}

/// Of a copy from device to device.
class CopyTimer {
 public:
  CopyTimer() {
    RINGFOLD_CUDA_CHECK(cudaEventCreate(&begin_));
    RINGFOLD_CUDA_CHECK(cudaEventCreate(&end_));
  }
  ~CopyTimer() {
    (void)cudaEventDestroy(begin_);
    (void)cudaEventDestroy(end_);
  }
  CopyTimer(const CopyTimer&) = delete;
  CopyTimer& operator=(const CopyTimer&) = delete;

  double ms(void* to, const void* from, int64_t bytes) {
    RINGFOLD_CUDA_CHECK(cudaEventRecord(begin_, cudaStreamPerThread));
    RINGFOLD_CUDA_CHECK(
        cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, cudaStreamPerThread));
    RINGFOLD_CUDA_CHECK(cudaEventRecord(end_, cudaStreamPerThread));
    RINGFOLD_CUDA_CHECK(cudaEventSynchronize(end_));
    float taken = 0;
    RINGFOLD_CUDA_CHECK(cudaEventElapsedTime(&taken, begin_, end_));
    return taken;
  }

 private:
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

}  // namespace

void fail_cuda(cudaError_t error, const char* file, int line, const char* command) {
  (void)cudaGetLastError();  // the error is told here, and not by the next check again
  const ExitCode code = error == cudaErrorMemoryAllocation ? ExitCode::unavailable : ExitCode::internal;
  throw Error(code, fmt::format("{}:{}: {} ({}); command: '{}'", file, line, cudaGetErrorName(error),
                                cudaGetErrorString(error), command));
}

int cuda_devices() { return count_devices().devices; }

CudaDeviceInfo cuda_device_info(int ordinal) {
  cudaDeviceProp properties;
  RINGFOLD_CUDA_CHECK(cudaGetDeviceProperties(&properties, ordinal));
  return {properties.name, properties.major, properties.minor, static_cast<int64_t>(properties.totalGlobalMem),
          properties.multiProcessorCount};
}

std::optional<int64_t> cuda_free_bytes(int ordinal) {
  RINGFOLD_CUDA_CHECK(cudaSetDevice(ordinal));
  size_t free = 0;
  size_t all = 0;
  RINGFOLD_CUDA_CHECK(cudaMemGetInfo(&free, &all));
  return static_cast<int64_t>(free);
}

double cuda_memory_gbps() {
  constexpr int64_t kBytes = int64_t{512} << 20;  // above what caches hold
  constexpr int kLooks = 5;
  if (cuda_free_bytes(0).value_or(0) < 4 * kBytes) return 0;
  void* memory = nullptr;
  RINGFOLD_CUDA_CHECK(cudaMalloc(&memory, 2 * kBytes));
  const std::unique_ptr<void, cudaError_t (*)(void*)> owned(memory, cudaFree);
  CopyTimer timer;
  double best_ms = 0;
  for (int look = 0; look < kLooks; ++look) {
    const double ms = timer.ms(static_cast<std::byte*>(memory) + kBytes, memory, kBytes);
    if (look == 1 || (look > 1 && ms < best_ms)) best_ms = ms;
  }
  return 2e-6 * static_cast<double>(kBytes) / best_ms;
}

std::optional<std::string> cuda_unavailable(int major) {
  const Count count = count_devices();
  if (count.error == cudaErrorInsufficientDriver) {
    int driver = 0;
    (void)cudaDriverGetVersion(&driver);
    if (driver == 0) return "no CUDA device (the driver is missing)";
    return fmt::format("no CUDA device (the driver is for CUDA {}, older than the runtime, {})", version_text(driver),
                       version_text(CUDART_VERSION));
  }
  if (count.error != cudaSuccess && count.error != cudaErrorNoDevice) {
    return fmt::format("no CUDA device ({})", cudaGetErrorString(count.error));
  }
  if (count.devices == 0) return "no CUDA device";
  const CudaDeviceInfo info = cuda_device_info(0);
  if (info.major >= major) return std::nullopt;
  return fmt::format("{} has compute capability {}.{}, and {}.0 is needed", info.name, info.major, info.minor, major);
}

std::string describe_cuda_devices() {
  const int devices = cuda_devices();
  if (devices == 0) return *cuda_unavailable();
  const CudaDeviceInfo info = cuda_device_info(0);
  int driver = 0;
  RINGFOLD_CUDA_CHECK(cudaDriverGetVersion(&driver));
  return fmt::format("{} x {}, sm_{}{}, {:.1f} GiB each, driver for CUDA {}, runtime {}", devices, info.name,
                     info.major, info.minor, static_cast<double>(info.bytes) / (int64_t{1} << 30), version_text(driver),
                     version_text(CUDART_VERSION));
}

}  // namespace ringfold
