#pragma once

#include "lib/count_formula.h"
#include "lib/needle_formula.h"

#include <cstdint>

namespace ringfold {

// The value of every input element, as plain functions of (seed, tensor, sequence, position, head, channel):
// whoever holds a token makes the same bits, on any device. A value is made of integers, one conversion to float
// and one multiplication, each correctly rounded: no library function, and nothing that could be contracted.

enum class InputKind : uint8_t { gauss, peaked, count, needle, cancel };
/// Q, K and V; or, under a layer, hidden states and the weights that make them. 3 is taken: see input_row.
enum class InputTensor : uint8_t { q = 0, k = 1, v = 2, x = 4, wq = 5, wk = 6, wv = 7 };

/// What the elements of one problem have in common.
struct InputRecipe {
  InputKind kind = InputKind::gauss;
  uint64_t seed = 0;
  int64_t dim = 1;
  int64_t sink_units = 0;  ///< peaked: strongest query on the sink's channel
  NeedleScale needle;
  // Weights: whole multiples of a power of two.
  int64_t weight_deviation = 0;  ///< in units of which 2^16 make one multiple
  float weight_unit = 0;
};

/// What the elements of one row have in common.
struct InputRow {
  InputTensor tensor = InputTensor::q;
  int64_t position = 0;
  uint64_t row_key = 0;   ///< of (seed, tensor, sequence, position, head)
  uint64_t head_key = 0;  ///< of (seed, sequence, kv head): what Q, K and V of a head agree on
  int position_bits = 0;  ///< of the sequence's last position
  NeedleCode code;        ///< needle
  NeedleAim aim;          ///< needle, rows of Q
};

/// Irwin-Hall by bits: the number of ones in 64 random bits is nearly normal (deviation 4); 18 more bits fill the
/// steps. In units of which kUnitsOfOne make 1.
inline constexpr int64_t kUnitsOfOne = 1051303;  // 2^18 sqrt(16 + 1/12), rounded
inline constexpr float kUnit = 1.0f / 1051303.0f;

constexpr int64_t gauss_units(uint64_t bits) {
  const auto fill = static_cast<int64_t>((bits * 0xd1342543de82ef95u) >> 46);
  return (count_ones(bits) - 32) * (int64_t{1} << 18) + fill - (int64_t{1} << 17);
}

/// Gauss, but on each head: one channel on which the key at position 0 (the sink) is large and queries differ in
/// strength, so that the sink's logits spread from 0 to about 100; and on one channel in 32, keys with a large
/// common part. The sink's V is small, as in trained models.
constexpr int64_t peaked_units(const InputRecipe& recipe, const InputRow& row, int64_t channel) {
  const int64_t units = gauss_units(element_bits(row.row_key, channel));
  if (row.tensor == InputTensor::v) return row.position == 0 ? units / 8 : units;
  if (channel == static_cast<int64_t>(row.head_key % static_cast<uint64_t>(recipe.dim))) {
    if (row.tensor == InputTensor::q) return recipe.sink_units * static_cast<int64_t>(row.row_key >> 48) >> 16;
    return row.position == 0 ? 64 * kUnitsOfOne : units / 4;
  }
  const uint64_t bits = element_bits(row.head_key, channel);
  if (row.tensor == InputTensor::q || bits % 32 != 0) return units;
  return 2 * units + (bits / 32 % 2 == 0 ? 16 : -16) * kUnitsOfOne;
}

/// Gauss, but for two large channels whose products cancel exactly.
constexpr int64_t cancel_units(const InputRow& row, int64_t channel) {
  const int64_t units = gauss_units(element_bits(row.row_key, channel < 2 ? 0 : channel));
  if (channel >= 2 || row.tensor == InputTensor::v) return units;
  if (row.tensor == InputTensor::q) return 8 * units;
  return channel == 0 ? 64 * units : -64 * units;
}

/// Hidden states and weights are normal, too, but rounded to whole numbers from -16 to 16, times a power of two. So a
/// product of them is a whole number of at most 9 bits, and sums of more than a million in any order are exact in fp32:
/// projections have one value, to the bit. `deviation`: 2^16 make 1.
constexpr int64_t layer_multiple(uint64_t bits, int64_t deviation) {
  constexpr int64_t kMost = 16;
  const int64_t units = gauss_units(bits) * deviation;
  const int64_t one = kUnitsOfOne << 16;
  const int64_t rounded = units < 0 ? -((one / 2 - units) / one) : (one / 2 + units) / one;
  return rounded < -kMost ? -kMost : rounded > kMost ? kMost : rounded;
}

/// The element, before it is rounded to the problem's dtype.
constexpr float input_element(const InputRecipe& recipe, const InputRow& row, int64_t channel) {
  if (row.tensor >= InputTensor::x) {
    const uint64_t bits = element_bits(row.row_key, channel);
    if (row.tensor == InputTensor::x) return static_cast<float>(layer_multiple(bits, int64_t{4} << 16)) * 0.25f;
    return static_cast<float>(layer_multiple(bits, recipe.weight_deviation)) * recipe.weight_unit;
  }
  const bool counts = recipe.kind == InputKind::count;
  if (counts && row.tensor == InputTensor::q) return 0.0f;
  if (counts && row.tensor == InputTensor::v) {
    const CountChannel field = count_channel(recipe.dim, row.head_key, row.position_bits, channel);
    return static_cast<float>(count_value(field, (row.position >> field.shift) & field.mask)) * 0x1p-7f;
  }
  if (recipe.kind == InputKind::needle && row.tensor != InputTensor::v) {
    if (row.tensor == InputTensor::k) return needle_key(recipe.needle, row.code, row.head_key, row.position, channel);
    return needle_query(recipe.needle, row.code, row.head_key, row.aim, channel);
  }
  if (recipe.kind == InputKind::peaked) return static_cast<float>(peaked_units(recipe, row, channel)) * kUnit;
  if (recipe.kind == InputKind::cancel) return static_cast<float>(cancel_units(row, channel)) * kUnit;
  return static_cast<float>(gauss_units(element_bits(row.row_key, channel))) * kUnit;
}

}  // namespace ringfold
