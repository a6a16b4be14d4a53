#pragma once

#include "kernels/cuda_device.h"
#include "kernels/cuda_devices.h"
#include "tests/kernels/attend_case.h"
#include "tests/kernels/plain_cuda_kernel.h"
#include "tests/skip.h"

#include <memory>

namespace ringfold::testing {

/// Opens a test case that needs a GPU: `if (!has_cuda_device()) return;`
inline bool has_cuda_device() {
  const auto reason = cuda_unavailable();
  if (reason) skip_test(*reason);
  return !reason;
}

/// A plane's memory, poison and all, on the device: `shift` bytes behind an aligned address.
class DevicePlane {
 public:
  DevicePlane(CudaDevice& device, const Plane& plane, int64_t shift = 0)
      : device_(device), plane_(&plane), bytes_(static_cast<int64_t>(plane.memory().size())), shift_(shift) {
    memory_ = device.allocate(bytes_ + shift);
    device.copy_to_device(memory_.get() + shift, plane.memory().data(), bytes_);
  }
  Tensor tensor() const {
    Tensor tensor = plane_->tensor();
    tensor.data = memory_.get() + shift_ + (tensor.data - plane_->memory().data());
    return tensor;
  }
  /// What lies there now.
  void read(std::span<std::byte> memory) const { device_.copy_to_host(memory.data(), memory_.get() + shift_, bytes_); }

 private:
  CudaDevice& device_;
  const Plane* plane_;
  int64_t bytes_;
  int64_t shift_;
  std::shared_ptr<std::byte> memory_;
};

}  // namespace ringfold::testing
