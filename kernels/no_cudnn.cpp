// cudnn, in a build without it.
#include "kernels/cudnn_rates.h"
#include "lib/kernel.h"

namespace ringfold {
namespace {

std::optional<std::string> unavailable() {
  return "this build has no cuDNN (CUDA, cuDNN or its C++ front end was missing, see the summary of Meson)";
}
std::string describe() { return "not built"; }
std::unique_ptr<Kernel> make(const KernelOptions&) { return nullptr; }

}  // namespace
}  // namespace ringfold

RINGFOLD_KERNEL(cudnn, "cuDNN's attention in 16 bits on a GPU", ringfold::unavailable, ringfold::describe,
                ringfold::make, /*devices=*/nullptr, ringfold::kCudnnRates)
