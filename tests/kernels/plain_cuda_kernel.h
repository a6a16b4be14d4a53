#pragma once

#include "kernels/cuda_kernel.h"

namespace ringfold::testing {

/// All of a GPU's kernel but attention.
class PlainCudaKernel final : public CudaKernel {
 public:
  explicit PlainCudaKernel(const KernelOptions& options = {}) : CudaKernel(options) {}
  Capabilities capabilities() const override { return {MemoryKind::cuda}; }
  void attend(Queue&, const AttendTask&) override {}
  CudaDevice& gpu() { return cuda_device(); }
};

}  // namespace ringfold::testing
