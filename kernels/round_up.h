#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace ringfold {

/// The least multiple that is not below `count`.
template <std::integral Count>
constexpr Count round_up(Count count, std::type_identity_t<Count> multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

/// Bytes at whose multiples pieces of a device's scratch memory begin.
inline constexpr int64_t kScratchAlignment = 256;

}  // namespace ringfold
