#pragma once

#include "lib/random_bits.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace ringfold {

/// A stream of random draws that depends on the seed alone.
class RandomDraws {
 public:
  explicit RandomDraws(uint64_t seed) : key_(mix_bits(seed + 1)) {}

  /// 0 .. bound - 1; bound > 0 and far below 2^64.
  uint64_t below(uint64_t bound) { return element_bits(key_, next_++) % bound; }
  bool with_probability(double probability) {
    return static_cast<double>(element_bits(key_, next_++) >> 11) * 0x1p-53 < probability;
  }
  template <typename T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t key_;
  int64_t next_ = 0;
};

}  // namespace ringfold
