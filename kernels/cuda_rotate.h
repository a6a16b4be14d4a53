#pragma once

#include "kernels/cuda_work.h"
#include "kernels/rotate_launch.h"

namespace ringfold {

/// A rotation of lib/kernel.h, with the host's cosines and sines and thus its bits.
class CudaRotate final : public CudaWork {
 public:
  CudaRotate(CudaDevice& device, const RotateTask& task);
  void enqueue(cudaStream_t stream) const override { launch_rotate(launch_, stream); }

 private:
  RotateLaunch launch_;
  CudaTables tables_;
};

}  // namespace ringfold
