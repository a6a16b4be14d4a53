#pragma once

#include "lib/problem.h"

#include <cstdint>

namespace ringfold {

/// Keys [begin, end) that the query at `position` sees, of a sequence of `length` tokens. Also for devices.
constexpr TokenRange visible_keys(const Mask& mask, int64_t sequence, int64_t length, int64_t position) {
  if (mask.kind == MaskKind::full) return {sequence, 0, length};
  const int64_t begin = position + 1 - mask.window;
  return {sequence, mask.kind == MaskKind::window && begin > 0 ? begin : 0, position + 1};
}

}  // namespace ringfold
