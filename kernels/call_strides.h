#pragma once

#include "lib/dtype.h"

#include <cstddef>
#include <cstdint>

namespace ringfold {

/// Where a plane's rows and heads stand, in elements.
struct CallStrides {
  int64_t row = 0;
  int64_t head = 0;
  bool operator==(const CallStrides&) const = default;
};

/// Do all rows of all heads begin at multiples of so many bytes?
inline bool is_aligned(const std::byte* data, DType dtype, const CallStrides& strides, int64_t bytes) {
  const int64_t element = bytes_of(dtype);
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(bytes) == 0 && strides.row * element % bytes == 0 &&
         strides.head * element % bytes == 0;
}

}  // namespace ringfold
