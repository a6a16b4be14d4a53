#pragma once

#include <cstdint>

namespace ringfold {

/// Where a plane's rows and heads stand, in elements.
struct CallStrides {
  int64_t row = 0;
  int64_t head = 0;
  bool operator==(const CallStrides&) const = default;
};

}  // namespace ringfold
