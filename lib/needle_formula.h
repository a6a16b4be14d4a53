#pragma once

#include "lib/needle_aim.h"

#include <cstdint>

namespace ringfold {

/// scale x key x query = one gap: key has 8 significant bits and query one, so their small multiples are exact.
struct NeedleScale {
  float key = 0;
  float query = 0;
};

constexpr float needle_key(const NeedleScale& scale, const NeedleCode& code, uint64_t head_key, int64_t position,
                           int64_t channel) {
  const auto index = static_cast<int>(code.one_hot ? channel >> code.digit_bits : channel);
  if (index >= code.digits) return 0.0f;
  const int64_t all = (int64_t{1} << code.digit_bits) - 1;
  const int64_t value = code.digit(position, index) ^ (static_cast<int64_t>(element_bits(head_key, index)) & all);
  if (!code.one_hot) return value == 1 ? scale.key : -scale.key;
  return value == (channel & all) ? scale.key : 0.0f;
}

constexpr float needle_query(const NeedleScale& scale, const NeedleCode& code, uint64_t head_key, const NeedleAim& aim,
                             int64_t channel) {
  const auto index = static_cast<int>(code.one_hot ? channel >> code.digit_bits : channel);
  if (index >= code.digits) return 0.0f;
  const int64_t all = (int64_t{1} << code.digit_bits) - 1;
  const int64_t flip = static_cast<int64_t>(element_bits(head_key, index)) & all;
  if (code.one_hot) {
    return scale.query * static_cast<float>(needle_liking(code, aim, index, (channel & all) ^ flip));
  }
  const int likes = needle_liking(code, aim, index, 1 ^ flip) - needle_liking(code, aim, index, flip);
  return scale.query * 0.5f * static_cast<float>(likes);
}

}  // namespace ringfold
