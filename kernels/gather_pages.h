#pragma once

#include "lib/kernel.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringfold {

/// An attend whose K and V lie in pages, with contiguous memory in their place, and the copies that fill it: for
/// libraries that take rectangles. Only keys that some query may see are copied. Where nothing lies in pages, there is
/// nothing to copy.
struct GatheredPages {
  AttendTask task;
  std::vector<CopyTask> copies;
  int64_t bytes = 0;  ///< of contiguous memory
};
/// Addresses of contiguous memory count from `memory`, of `bytes`, aligned to 256 bytes; it may be null until `bytes`
/// is known.
GatheredPages gather_pages(const AttendTask& task, std::byte* memory);

}  // namespace ringfold
