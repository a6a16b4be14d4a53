#pragma once

#include "lib/random_bits.h"

#include <cstdint>

namespace ringfold {

// Where the rows of *needle* aim. Every key carries the code of its position, and every row of Q aims at one visible
// key. A code is a sequence of digits; the logit is the sum, over digits, of how much the query likes the key's digit.
// One disliked digit costs a whole gap (20), so one key takes all the weight but some 1e-7.

inline constexpr double kNeedleGap = 20.0;

/// Digits of a position, lowest first. One channel for each value of each digit where `one_hot`; else binary
/// digits, a channel with two signs for each. Where even those do not fit, the lowest bits are dropped.
struct NeedleCode {
  int digits = 0;
  int digit_bits = 1;
  bool one_hot = true;
  int dropped_bits = 0;
  constexpr int64_t digit(int64_t position, int index) const {
    return (position >> (dropped_bits + digit_bits * index)) & ((int64_t{1} << digit_bits) - 1);
  }
};
constexpr NeedleCode needle_code(int64_t dim, int position_bits) {
  for (int bits = 6; bits >= 2; --bits) {
    const int digits = (position_bits + bits - 1) / bits;
    if (int64_t{digits} << bits <= dim) return {digits, bits, true, 0};
  }
  const int digits = position_bits <= dim ? position_bits : static_cast<int>(dim);
  return {digits, 1, false, position_bits - digits};
}

/// The key that a row attends, and the key one past its mask that would win if the row saw it.
struct NeedleAim {
  int64_t target = 0;
  bool decoy = false;  ///< target is the last visible key, target + 1 the decoy
  int carry = 0;       ///< highest digit in which target and decoy differ; below it the target's digits are full
};

/// How many gaps the query likes `value` of digit `index`. With a decoy: it wins by one gap over the target, which
/// wins by one over every key before it, those included that have the decoy's digit but differ above it.
constexpr int needle_liking(const NeedleCode& code, const NeedleAim& aim, int index, int64_t value) {
  const bool targets = value == code.digit(aim.target, index);
  if (!aim.decoy || index < aim.carry) return targets ? 1 : 0;
  if (index > aim.carry) return targets ? aim.carry + 2 : 0;
  if (targets) return 1;
  return value == code.digit(aim.target + 1, index) ? aim.carry + 2 : 0;
}

/// The decoy of a row whose last visible key is `target`; no decoy where the logits would exceed some 16 gaps.
constexpr NeedleAim needle_decoy(const NeedleCode& code, int64_t target) {
  NeedleAim aim{target, false, 0};
  for (int index = 0; index < code.digits; ++index) {
    if (code.digit(target, index) == code.digit(target + 1, index)) continue;
    aim.carry = index;
    aim.decoy = true;
  }
  const int liking = (code.digits - 1 - aim.carry) * (aim.carry + 2) + 1 + aim.carry;
  if (liking > (code.one_hot ? 16 : 40)) aim.decoy = false;
  return aim;
}

/// Where rows may aim: the keys [first, end) that the row sees, in a sequence of `length` tokens.
struct NeedleField {
  int64_t first = 0;
  int64_t end = 0;
  int64_t length = 0;
  int64_t cached = 0;
  bool ends_early = false;  ///< the mask hides what follows the last visible key (not full)
};

/// Half of the rows take the last visible key (with the decoy after it, if there is one). Most others take a key
/// beside an edge: a multiple of length / P or of the new tokens / P, for some P to 64, or a power of two; some take
/// any.
constexpr NeedleAim needle_aim(const NeedleCode& code, const NeedleField& field, uint64_t key) {
  const int64_t last = field.end - 1;
  if (field.ends_early && key % 2 == 0) {
    return field.end < field.length ? needle_decoy(code, last) : NeedleAim{last, false, 0};
  }
  if (key % 16 == 1) return {last, false, 0};
  for (int64_t attempt = 0; attempt < 8 && key % 16 != 3; ++attempt) {
    const uint64_t bits = element_bits(key, attempt);
    const auto parts = static_cast<int64_t>(1 + (bits >> 8) % 64);
    const auto part = static_cast<int64_t>((bits >> 16) % 64) % parts;
    const int64_t from = bits % 2 == 0 ? 0 : field.cached;
    int64_t edge = from + ((field.length - from) / parts) * part;
    if (bits % 8 == 7) edge = int64_t{1} << ((bits >> 24) % 40);
    edge -= static_cast<int64_t>((bits >> 4) % 2);
    if (field.first <= edge && edge < field.end) return {edge, false, 0};
  }
  return {field.first + static_cast<int64_t>(mix_bits(key) >> 2) % (field.end - field.first), false, 0};
}

}  // namespace ringfold
