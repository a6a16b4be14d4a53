#pragma once

#include "lib/input_formula.h"
#include "lib/visible_keys.h"

#include <cstdint>

namespace ringfold {

/// Whose row it is. `head` counts query heads for q, else kv heads.
struct InputPlace {
  InputTensor tensor = InputTensor::q;
  int64_t sequence = 0;
  int64_t length = 0;  ///< of the sequence
  int64_t cached = 0;  ///< of the sequence
  int64_t position = 0;
  int64_t head = 0;
  int64_t kv_head = 0;  ///< the one that `head` reads or is
};

/// What the formulas of input_formula.h need to know of a row; also for devices.
constexpr InputRow input_row(const InputRecipe& recipe, const Mask& mask, const InputPlace& place) {
  const uint64_t sequence_key = element_bits(mix_bits(recipe.seed), place.sequence);
  const uint64_t tensor_key = element_bits(sequence_key, static_cast<int64_t>(place.tensor));
  InputRow row;
  row.tensor = place.tensor;
  row.position = place.position;
  row.head_key = element_bits(element_bits(sequence_key, 3), place.kv_head);
  row.row_key = element_bits(element_bits(tensor_key, place.head), place.position);
  while ((place.length - 1) >> row.position_bits > 0) ++row.position_bits;
  if (recipe.kind != InputKind::needle) return row;
  row.code = needle_code(recipe.dim, row.position_bits);
  if (place.tensor != InputTensor::q) return row;
  const TokenRange keys = visible_keys(mask, place.sequence, place.length, place.position);
  const bool ends_early = mask.kind != MaskKind::full;
  if (keys.end > keys.begin) {
    row.aim = needle_aim(row.code, {keys.begin, keys.end, place.length, place.cached, ends_early}, row.row_key);
  }
  return row;
}

}  // namespace ringfold
