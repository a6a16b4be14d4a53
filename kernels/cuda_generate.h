#pragma once

#include "kernels/cuda_work.h"
#include "kernels/generate_launch.h"
#include "lib/kernel.h"

#include <cuda_runtime.h>

namespace ringfold {

/// Rows of generated inputs, made where they lie: bit by bit those of GeneratedInputs::read.
class CudaGenerate final : public CudaWork {
 public:
  CudaGenerate(CudaDevice& device, const GeneratedInputs& inputs, InputTensor tensor, const Tensor& to);
  void enqueue(cudaStream_t stream) const override { launch_generate(launch_, stream); }

 private:
  GenerateLaunch launch_;
  CudaTables tables_;
};

}  // namespace ringfold
