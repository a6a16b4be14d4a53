#pragma once

#include "lib/kernel.h"

#include <memory>

namespace ringfold::testing {

/// Lets a kernel of a device work on host memory, so that every test of a kernel is one of it too: what a task names is
/// copied to the device and back, gaps included. Its queues are host queues. `refuses` is the device kernel's.
std::unique_ptr<Kernel> make_staged(std::unique_ptr<Kernel> on_device);

/// The kernel, staged if its memory is a device's.
std::unique_ptr<Kernel> make_on_host(const KernelInfo& info, const KernelOptions& options = {});

}  // namespace ringfold::testing
