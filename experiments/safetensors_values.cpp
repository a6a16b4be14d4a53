#include "experiments/safetensors.h"
#include "lib/dtype.h"
#include "lib/error.h"
#include "lib/projected_inputs.h"

#include <algorithm>
#include <cmath>
#include <limits>
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

/// Rows of a file from `first` on, as the problem's dtype has them.
void read_rounded(const SafetensorsReader& reader, InputTensor tensor, int64_t first, int64_t rows, DType dtype,
                  std::vector<float>& values) {
  reader.read_rows(std::string(to_string(tensor)), first, rows, values);
  for (float& value : values) value = round_to(dtype, value);
}

/// Projects hidden states of a file to look whether they stay finite.
class ProjectionCheck {
 public:
  ProjectionCheck(const SafetensorsReader& reader, const Problem& problem) : reader_(reader), problem_(problem) {
    for (const auto& [projected, weight] :
         {std::pair(InputTensor::q, InputTensor::wq), std::pair(InputTensor::k, InputTensor::wk),
          std::pair(InputTensor::v, InputTensor::wv)}) {
      const InputShape shape = input_shape(problem, weight);
      std::vector<float> values(static_cast<size_t>(shape.elements()));
      read_rounded(reader, weight, 0, shape.rows.size(), problem.dtype, values);
      std::vector<double> squares(static_cast<size_t>(shape.heads * shape.channels));
      for (size_t i = 0; i < values.size(); ++i) squares[i % squares.size()] += std::pow(double{values[i]}, 2);
      longest_ = std::max(longest_, std::sqrt(*std::max_element(squares.begin(), squares.end())));
      weights_.emplace_back(projected, std::move(values));
    }
  }

  std::optional<BadValue> find() const {
    // Half: what fp32 may be off by is far less.
    const double safe = (problem_.dtype == DType::fp16 ? kSafe : std::numeric_limits<float>::max()) / 2;
    std::vector<float> x(static_cast<size_t>(problem_.layer->hidden));
    int64_t row = 0;
    const TokenSet tokens = kv_set(problem_);
    for (const TokenRange& range : tokens.ranges()) {
      for (int64_t position = range.begin; position < range.end; ++position, ++row) {
        read_rounded(reader_, InputTensor::x, row, 1, problem_.dtype, x);
        double squares = 0;
        for (const double value : x) squares += value * value;
        if (std::sqrt(squares) * longest_ <= safe) continue;  // Cauchy-Schwarz on the products' magnitudes
        if (const auto bad = find_in(x, range.sequence, position)) return bad;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<BadValue> find_in(const std::vector<float>& x, int64_t sequence, int64_t position) const {
    for (const auto& [tensor, weights] : weights_) {
      const TokenSet rows = input_shape(problem_, tensor).rows;
      const int64_t row = rows.row_of(sequence, position);
      if (rows.row_of(sequence, position + 1) == row) continue;  // no query
      const auto overflow = find_overflow(problem_.dtype, x, weights);
      if (!overflow) continue;
      const int64_t columns = std::ssize(weights) / std::ssize(x);
      return BadValue{tensor, row * columns + overflow->column, overflow->size};
    }
    return std::nullopt;
  }

  const SafetensorsReader& reader_;
  const Problem& problem_;
  std::vector<std::pair<InputTensor, std::vector<float>>> weights_;  // what they make, [hidden][columns]
  double longest_ = 0;                                               // |column|_2
};

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
  if (problem.layer) return ProjectionCheck(reader, problem).find();
  return std::nullopt;
}

std::string describe(const BadValue& bad, const Problem& problem) {
  const std::string place = fmt::format("tensor '{}' at {}", to_string(bad.tensor), place_of(bad, problem));
  if (problem.layer && bad.tensor < InputTensor::x) {
    return fmt::format("{}, projected from 'x' and 'w{}', sums up to {:.3g}, which is infinite in {}", place,
                       to_string(bad.tensor), bad.value, to_string(problem.dtype));
  }
  const auto value = static_cast<float>(bad.value);
  if (std::isfinite(value)) {
    return fmt::format("{} is {}, which is infinite in {}", place, value, to_string(problem.dtype));
  }
  return fmt::format("{} is {}; allowed: finite numbers", place, value);
}

}  // namespace ringfold
