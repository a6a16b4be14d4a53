#include "kernels/cuda_work.h"

namespace ringfold {

void CudaTables::send(CudaDevice& device) {
  const auto bytes = static_cast<int64_t>(bytes_.size());
  if (bytes == 0) return;
  memory_ = device.allocate(bytes);
  device.copy_to_device(memory_.get(), bytes_.data(), bytes);
  bytes_ = {};
}

}  // namespace ringfold
