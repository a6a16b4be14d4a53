#pragma once

#include "kernels/cuda_device.h"
#include "kernels/cuda_devices.h"
#include "tests/catch.h"
#include "tests/kernels/attend_case.h"
#include "tests/kernels/plain_cuda_kernel.h"
#include "tests/skip.h"

#include <memory>
#include <span>
#include <vector>

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
  std::vector<std::byte> read() const {
    std::vector<std::byte> memory(static_cast<size_t>(bytes_));
    read(memory);
    return memory;
  }

 private:
  CudaDevice& device_;
  const Plane* plane_;
  int64_t bytes_;
  int64_t shift_;
  std::shared_ptr<std::byte> memory_;
};

/// How a task reaches the GPU.
enum class Way { on_the_spot, prepared, recorded };

template <typename Task>
void run(PlainCudaKernel& kernel, Task task, Way way, void (CudaKernel::*enqueue)(Queue&, const Task&)) {
  const auto queue = kernel.device().make_queue();
  if (way == Way::prepared) {
    KernelTask any = task;
    kernel.prepare(any);
    task = std::get<Task>(any);
    REQUIRE(task.prepared != nullptr);
  }
  if (way == Way::recorded) REQUIRE(queue->begin_recording());
  (kernel.*enqueue)(*queue, task);
  if (way == Way::recorded) {
    const auto work = queue->end_recording();
    work->start(*queue);
    queue->synchronize();
    return;
  }
  queue->synchronize();
}

inline Way way_of(int round) {
  return std::vector{Way::on_the_spot, Way::prepared, Way::recorded}[static_cast<size_t>(round) % 3];
}

}  // namespace ringfold::testing
