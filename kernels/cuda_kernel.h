#pragma once

#include "kernels/cuda_device.h"
#include "lib/kernel.h"

#include <memory>

namespace ringfold {

/// What kernels on a GPU share: the device, and everything but attend. Queues must be the device's own.
class CudaKernel : public Kernel {
 public:
  explicit CudaKernel(const KernelOptions& options);
  Device& device() override { return device_; }
  void merge(Queue& queue, const MergeTask& task) override;
  void finish(Queue& queue, const FinishTask& task) override;
  void copy(Queue& queue, const CopyTask& task) override;
  void rotate(Queue& queue, const RotateTask& task) override;
  /// Merges, finishes, copies and rotations; attends are the subclass's.
  void prepare(KernelTask& task) override;
  bool generate(Queue& queue, const GeneratedInputs& inputs, InputTensor tensor, const Tensor& to) override;

 protected:
  CudaDevice& cuda_device() { return device_; }
  const CudaDevice& cuda_device() const { return device_; }

 private:
  CudaDevice device_;
};

}  // namespace ringfold
