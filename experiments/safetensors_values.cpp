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

/// Where the value stands in the problem, for messages.
std::string place_of(const BadValue& bad, const Problem& problem) {
  const InputShape shape = input_shape(problem, bad.tensor);
  const int64_t channel = bad.index % shape.channels;
  const int64_t head = bad.index / shape.channels % shape.heads;
  int64_t row = bad.index / shape.channels / shape.heads;
  if (bad.tensor >= InputTensor::wq) {
    return fmt::format("[{}, {}] (head {}, channel {})", row, head * shape.channels + channel, head, channel);
  }
  const bool has_heads = bad.tensor != InputTensor::x;
  const std::string index = has_heads ? fmt::format("[{}, {}, {}]", row, head, channel)  //
                                      : fmt::format("[{}, {}]", row, channel);
  for (const TokenRange& range : shape.rows.ranges()) {
    if (row < range.size()) {
      return fmt::format("{} (sequence {}, position {}, {}channel {})", index, range.sequence, range.begin + row,
                         has_heads ? fmt::format("head {}, ", head) : "", channel);
    }
    row -= range.size();
  }
  return index;
}

}  // namespace

std::optional<BadValue> find_bad_value(const std::string& path, const Problem& problem) {
  const SafetensorsReader reader(path);
  std::vector<float> values;
  for (const InputTensor tensor : given_tensors(problem)) {
    const std::string name(to_string(tensor));
    const std::vector<int64_t>& shape = reader.entry(name).shape;
    const int64_t row_elements = std::accumulate(shape.begin() + 1, shape.end(), int64_t{1}, std::multiplies<>());
    const int64_t rows_at_once = std::max<int64_t>(1, kElementsAtOnce / std::max<int64_t>(1, row_elements));
    for (int64_t row = 0; row < shape[0]; row += rows_at_once) {
      const int64_t rows = std::min(rows_at_once, shape[0] - row);
      values.resize(static_cast<size_t>(rows * row_elements));
      reader.read_rows(name, row, rows, values);
      if (all_safe(values)) continue;
      const auto bad = std::find_if(values.begin(), values.end(),
                                    [&](float value) { return !std::isfinite(round_to(problem.dtype, value)); });
      if (bad != values.end()) return BadValue{tensor, row * row_elements + (bad - values.begin()), *bad};
    }
  }
  return std::nullopt;
}

std::string describe(const BadValue& bad, const Problem& problem) {
  const std::string place = fmt::format("tensor '{}' at {}", to_string(bad.tensor), place_of(bad, problem));
  if (std::isfinite(bad.value)) {
    return fmt::format("{} is {}, which is infinite in {}", place, bad.value, to_string(problem.dtype));
  }
  return fmt::format("{} is {}; allowed: finite numbers", place, bad.value);
}

}  // namespace ringfold
