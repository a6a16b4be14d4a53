#include "experiments/safetensors.h"
#include "lib/dtype.h"
#include "lib/error.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ringfold {

namespace {

constexpr int64_t kElementsAtOnce = int64_t{1} << 16;

/// Values up to it stay finite in every dtype.
constexpr float kSafe = 65504.0F;

bool all_safe(const std::vector<float>& values) {
  bool safe = true;
  for (const float value : values) safe &= std::abs(value) <= kSafe;  // false for NaN
  return safe;
}

/// What q, k and v hold in a row of the problem, for messages.
std::string place_of(const BadValue& bad, const Problem& problem) {
  const bool is_q = bad.tensor == "q";
  const int64_t heads = is_q ? problem.heads.query : problem.heads.kv;
  const int64_t channel = bad.index % problem.heads.dim;
  const int64_t head = bad.index / problem.heads.dim % heads;
  int64_t row = bad.index / problem.heads.dim / heads;
  const std::string index = fmt::format("[{}, {}, {}]", row, head, channel);
  for (size_t i = 0; i < problem.sequences.size(); ++i) {
    const Sequence& sequence = problem.sequences[i];
    const int64_t rows = is_q ? sequence.query : sequence.length();
    if (row < rows) {
      return fmt::format("{} (sequence {}, position {}, head {}, channel {})", index, i,
                         is_q ? sequence.cached + row : row, head, channel);
    }
    row -= rows;
  }
  return index;
}

}  // namespace

std::optional<BadValue> find_bad_value(const std::string& path, DType dtype) {
  const SafetensorsReader reader(path);
  std::vector<float> values;
  for (const char* name : {"q", "k", "v"}) {
    const std::vector<int64_t>& shape = reader.entry(name).shape;
    const int64_t row_elements = std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>());
    const int64_t rows_at_once = std::max<int64_t>(1, kElementsAtOnce / std::max<int64_t>(1, row_elements));
    for (int64_t row = 0; row < shape[0]; row += rows_at_once) {
      const int64_t rows = std::min(rows_at_once, shape[0] - row);
      values.resize(static_cast<size_t>(rows * row_elements));
      reader.read_rows(name, row, rows, values);
      if (all_safe(values)) continue;
      const auto bad = std::find_if(values.begin(), values.end(),
                                    [dtype](float value) { return !std::isfinite(round_to(dtype, value)); });
      if (bad != values.end()) return BadValue{name, row * row_elements + (bad - values.begin()), *bad};
    }
  }
  return std::nullopt;
}

std::string describe(const BadValue& bad, const Problem& problem) {
  const std::string place = fmt::format("tensor '{}' at {}", bad.tensor, place_of(bad, problem));
  if (std::isfinite(bad.value)) {
    return fmt::format("{} is {}, which is infinite in {}", place, bad.value, to_string(problem.dtype));
  }
  return fmt::format("{} is {}; allowed: finite numbers", place, bad.value);
}

}  // namespace ringfold
