#pragma once

#include "lib/kernel.h"

#include <memory>

namespace ringfold {

/// A kernel for tests of what surrounds kernels: fp32 only, one key after the other in double, no vectors.
/// `tick` may be empty; called once an attend.
std::unique_ptr<Kernel> make_toy_kernel(std::function<void()> tick = {});

}  // namespace ringfold
