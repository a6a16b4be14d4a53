// flashinfer, in a build without it.
#include "kernels/flashinfer.h"

namespace ringfold {
namespace {

std::optional<std::string> unavailable() {
  return "this build has no FlashInfer (CUDA or FlashInfer's headers were missing, see the summary of Meson)";
}
std::string describe() { return "not built"; }
std::unique_ptr<Kernel> make(const KernelOptions&) { return nullptr; }

}  // namespace

std::unique_ptr<Kernel> make_flashinfer(const KernelOptions&, bool) { return nullptr; }

}  // namespace ringfold

RINGFOLD_KERNEL(flashinfer, "FlashInfer's attention in 16 bits on a GPU", ringfold::unavailable, ringfold::describe,
                ringfold::make)
