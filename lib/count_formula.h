#pragma once

#include "lib/random_bits.h"

#include <cstdint>

namespace ringfold {

/// count: V is not negative (sums do not cancel) and has 8 significant bits (exact in every dtype). Channels form
/// two groups of `count_hot_channels`: in each one channel is hot, named by the highest bits of the position in the
/// first group and by the bits below them in the second. Each other channel is a staircase of the 7 highest bits.
constexpr int64_t count_hot_channels(int64_t dim) {
  int64_t hot = 2;
  while (hot * 4 <= dim) hot *= 2;
  return dim < 4 ? 0 : hot;
}
struct CountChannel {
  int shift = 0;         ///< the field of the position that counts:
  int64_t mask = 0;      ///< (position >> shift) & mask
  int64_t flip = 0;      ///< exclusive-or with the field, differs by head
  int64_t hot = -1;      ///< hot where the flipped field is this; -1: a staircase
  int64_t strength = 0;  ///< value where hot, in 1/128
};
constexpr CountChannel count_channel(int64_t dim, uint64_t head_key, int position_bits, int64_t channel) {
  const int64_t hot = count_hot_channels(dim);
  const auto random = static_cast<int64_t>(element_bits(head_key, channel) >> 57);
  if (channel >= 2 * hot) return {position_bits > 7 ? position_bits - 7 : 0, 127, random, -1, 0};
  const int64_t group = channel / hot;
  const int width = count_ones(static_cast<uint64_t>(hot - 1));
  const int below = position_bits - width * static_cast<int>(group + 1);
  const auto flip = static_cast<int64_t>(head_key >> (16 * group)) & (hot - 1);
  return {below > 0 ? below : 0, hot - 1, flip, channel - group * hot, 128 + random};
}
/// In 1/128, by the field of the position.
constexpr int64_t count_value(const CountChannel& channel, int64_t field) {
  if (channel.hot < 0) return 128 + (field ^ channel.flip);
  return (field ^ channel.flip) == channel.hot ? channel.strength : 0;
}

}  // namespace ringfold
