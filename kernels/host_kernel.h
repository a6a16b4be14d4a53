#pragma once

#include "kernels/host_device.h"
#include "kernels/host_rotation.h"
#include "kernels/host_state.h"
#include "lib/kernel.h"

namespace ringfold {

/// What kernels over host memory share: the device, and everything but attend.
class HostKernel : public Kernel {
 public:
  explicit HostKernel(const KernelOptions& options) : device_(options.threads, options.tick) {}
  Device& device() override { return device_; }
  void merge(Queue&, const MergeTask& task) override { merge_on_host(task); }
  void finish(Queue&, const FinishTask& task) override { finish_on_host(task); }
  void copy(Queue&, const CopyTask& task) override { copy_on_host(task); }
  void rotate(Queue&, const RotateTask& task) override { rotate_on_host(task); }
  void prepare(KernelTask& task) override { prepare_on_host(task); }

 private:
  HostDevice device_;
};

}  // namespace ringfold
