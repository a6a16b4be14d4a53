#pragma once

#include "lib/assumed_rates.h"

namespace ringfold {

/// What passes assume of cudnn, so that a plan is the same in a build without it.
inline constexpr AssumedRates kCudnnRates{6e14, 2.5e12, 8e-6, 0, 0, false};

}  // namespace ringfold
