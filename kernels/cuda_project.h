#pragma once

#include "kernels/cublas_lt.h"
#include "kernels/cuda_work.h"
#include "lib/kernel.h"

#include <memory>
#include <vector>

namespace ringfold {

/// Makes a device's projections with cuBLASLt, which is opened, and given its workspace, by the first one that is made.
/// All run on queues that do not overlap: they share the workspace.
class CudaProjections {
 public:
  explicit CudaProjections(CudaDevice& device) : device_(device) {}
  /// A product for each run of rows that lie side by side in both x and `to`. Throws Error(unavailable) where the
  /// library is missing or has no algorithm.
  std::shared_ptr<CudaWork> make(const ProjectTask& task);

 private:
  CudaDevice& device_;
  std::shared_ptr<CublasLt> library_;
  std::shared_ptr<std::byte> workspace_;
};

}  // namespace ringfold
