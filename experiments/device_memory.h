#pragma once

#include "lib/kernel.h"
#include "lib/schedule.h"

#include <cstdint>
#include <string>

namespace ringfold {

/// What the rank that needs most takes of its device: its plan's memory and its kernel's scratch memory. Throws
/// Error(unavailable) where the kernel cannot do what a plan asks of it.
int64_t device_bytes(const Kernel& kernel, const Schedule& schedule);

/// What the devices of a kernel lack for ranks of this host, one each, that take up to `bytes`; empty if nothing, and
/// for kernels on the host.
std::string missing_devices(const KernelInfo& info, int ranks_here, int64_t bytes);

}  // namespace ringfold
