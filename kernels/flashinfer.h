#pragma once

#include "lib/kernel.h"

#include <memory>

namespace ringfold {

/// The kernel `flashinfer`; `for_every_device`: as where there is no Hopper.
std::unique_ptr<Kernel> make_flashinfer(const KernelOptions& options, bool for_every_device);

}  // namespace ringfold
