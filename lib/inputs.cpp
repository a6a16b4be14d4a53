#include "lib/inputs.h"

#include "lib/dtype.h"
#include "lib/error.h"
#include "lib/input_row.h"
#include "lib/rotary.h"

#include <algorithm>
#include <cmath>

namespace ringfold {

namespace {

/// scale x key x query is the gap, or up to 1 % more: key has 8 significant bits, query is a power of two near it.
NeedleScale needle_scale(double scale) {
  if (!(scale > 0)) return {};
  int exponent = 0;
  std::frexp(std::sqrt(kNeedleGap / scale), &exponent);
  const double query = std::ldexp(1.0, exponent - 1);
  const double key = kNeedleGap / scale / query;
  std::frexp(key, &exponent);
  const double step = std::ldexp(1.0, exponent - 8);
  return {static_cast<float>(std::ceil(key / step) * step), static_cast<float>(query)};
}

/// peaked: the sink's key is 64, the strongest query makes a logit of 100 of it.
int64_t sink_units(double scale) {
  constexpr double kSinkLogit = 100.0;
  if (!(scale > 0)) return 0;
  return std::llround(std::min(kSinkLogit / (64.0 * scale), 1e6) * static_cast<double>(kUnitsOfOne));
}

/// A deviation of 1 / sqrt(hidden), as 2 to 4 multiples of a power of two.
void set_weights(int64_t hidden, InputRecipe& recipe) {
  int exponent = 0;
  const double multiples = 4 * std::frexp(1 / std::sqrt(static_cast<double>(hidden)), &exponent);
  recipe.weight_deviation = std::llround(multiples * 0x1p16);
  recipe.weight_unit = static_cast<float>(std::ldexp(1.0, exponent - 2));
}

}  // namespace

std::string_view to_string(InputTensor tensor) {
  switch (tensor) {
    case InputTensor::q: return "q";
    case InputTensor::k: return "k";
    case InputTensor::v: return "v";
    case InputTensor::x: return "x";
    case InputTensor::wq: return "wq";
    case InputTensor::wk: return "wk";
    case InputTensor::wv: return "wv";
  }
  RINGFOLD_INVARIANT(false, "input tensor {}", static_cast<int>(tensor));
}

int64_t input_channels(const Problem& problem, InputTensor tensor) {
  return tensor == InputTensor::x ? problem.layer->hidden : problem.heads.dim;
}

InputShape input_shape(const Problem& problem, InputTensor tensor) {
  const Heads& heads = problem.heads;
  const int64_t channels = input_channels(problem, tensor);
  switch (tensor) {
    case InputTensor::q: return {query_set(problem), heads.query, channels};
    case InputTensor::k:
    case InputTensor::v: return {kv_set(problem), heads.kv, channels};
    case InputTensor::x: return {kv_set(problem), 1, channels};
    case InputTensor::wq: return {weight_rows(*problem.layer), heads.query, channels};
    case InputTensor::wk:
    case InputTensor::wv: return {weight_rows(*problem.layer), heads.kv, channels};
  }
  RINGFOLD_INVARIANT(false, "input tensor {}", static_cast<int>(tensor));
}

std::vector<InputTensor> given_tensors(const Problem& problem) {
  if (problem.layer) return {InputTensor::x, InputTensor::wq, InputTensor::wk, InputTensor::wv};
  return {InputTensor::q, InputTensor::k, InputTensor::v};
}

std::string_view to_string(InputKind kind) {
  switch (kind) {
    case InputKind::gauss: return "gauss";
    case InputKind::peaked: return "peaked";
    case InputKind::count: return "count";
    case InputKind::needle: return "needle";
    case InputKind::cancel: return "cancel";
  }
  RINGFOLD_INVARIANT(false, "input kind {}", static_cast<int>(kind));
}

void InputSource::read_rotated(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const {
  read(tensor, tokens, head, out);
  if (!problem_.rope || tensor == InputTensor::v) return;
  for (int64_t position = tokens.begin; position < tokens.end; ++position, out += problem_.heads.dim) {
    rotate_row(*problem_.rope, problem_.dtype, position, problem_.heads.dim, out);
  }
}

void InputSource::read_doubts(InputTensor tensor, const TokenRange& tokens, int64_t, float* out) const {
  std::fill_n(out, tokens.size() * input_channels(problem_, tensor), 0.0f);
}

double InputSource::row_doubt(InputTensor tensor, int64_t sequence, int64_t position, int64_t head) const {
  if (!problem_.layer) return 0;
  const auto dim = static_cast<size_t>(problem_.heads.dim);
  std::vector<float> doubts(dim);
  read_doubts(tensor, {sequence, position, position + 1}, head, doubts.data());
  double squares = 0;
  for (const double doubt : doubts) squares += doubt * doubt;
  if (squares == 0 || !problem_.rope || tensor == InputTensor::v) return std::sqrt(squares);
  // A pair in doubt turns as a whole, and each of the two is rounded once more.
  std::vector<float> row(dim);
  read(tensor, {sequence, position, position + 1}, head, row.data());
  const bool half = problem_.rope->style == RopeStyle::half;
  squares = 0;
  for (size_t pair = 0; pair < dim / 2; ++pair) {
    const size_t first = half ? pair : 2 * pair;
    const size_t second = first + (half ? dim / 2 : 1);
    const double doubt = std::hypot(doubts[first], doubts[second]);
    if (doubt == 0) continue;
    const double size = std::hypot(row[first], row[second]) + doubt;
    const double step = std::max(2 * unit_roundoff(problem_.dtype) * size, smallest_step(problem_.dtype));
    squares += 2 * (doubt + step) * (doubt + step);
  }
  return std::sqrt(squares);
}

bool InputSource::known_answer(const QueryRow&, ReferenceRow&) const { return false; }

GeneratedInputs::GeneratedInputs(const Problem& problem, InputKind kind, uint64_t seed) : InputSource(problem) {
  recipe_.kind = kind;
  recipe_.seed = seed;
  recipe_.dim = problem.heads.dim;
  recipe_.sink_units = sink_units(problem.softmax_scale());
  recipe_.needle = needle_scale(problem.softmax_scale());
  if (problem.layer) set_weights(problem.layer->hidden, recipe_);
}

InputRow GeneratedInputs::row(InputTensor tensor, int64_t sequence, int64_t position, int64_t head) const {
  const Sequence& tokens = problem().sequences[static_cast<size_t>(sequence)];
  const int64_t kv_head = tensor == InputTensor::q ? head / problem().heads.group() : head;
  return input_row(recipe_, problem().mask,
                   {tensor, sequence, tokens.length(), tokens.cached, position, head, kv_head});
}

void GeneratedInputs::read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const {
  const int64_t channels = input_channels(problem(), tensor);
  for (int64_t position = tokens.begin; position < tokens.end; ++position) {
    const InputRow values = row(tensor, tokens.sequence, position, head);
    for (int64_t channel = 0; channel < channels; ++channel) {
      *out++ = round_to(problem().dtype, input_element(recipe_, values, channel));
    }
  }
}

StoredInputs::StoredInputs(const Problem& problem, std::vector<std::vector<float>> tensors) : InputSource(problem) {
  const std::vector<InputTensor> given = given_tensors(problem);
  RINGFOLD_INVARIANT(given.size() == tensors.size(), "{} tensors are given, the problem has {}", tensors.size(),
                     given.size());
  for (size_t i = 0; i < given.size(); ++i) {
    tensors_.push_back({given[i], input_shape(problem, given[i]), std::move(tensors[i])});
    std::vector<float>& values = tensors_.back().values;
    RINGFOLD_CHECK(std::ssize(values) == tensors_.back().shape.elements(), ExitCode::configuration,
                   "input {}: {} elements, but the problem has {}", to_string(given[i]), values.size(),
                   tensors_.back().shape.elements());
    for (float& value : values) value = round_to(problem.dtype, value);
  }
}

void StoredInputs::read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const {
  const auto stored =
      std::find_if(tensors_.begin(), tensors_.end(), [&](const Stored& it) { return it.which == tensor; });
  RINGFOLD_INVARIANT(stored != tensors_.end(), "{} is not given", to_string(tensor));
  const InputShape& shape = stored->shape;
  const int64_t first = shape.rows.row_of(tokens.sequence, tokens.begin);
  for (int64_t row = first; row < first + tokens.size(); ++row) {
    out = std::copy_n(stored->values.data() + (row * shape.heads + head) * shape.channels, shape.channels, out);
  }
}

void read_all_heads(const InputSource& inputs, InputTensor tensor, const TokenRange& rows, float* out) {
  const InputShape shape = input_shape(inputs.problem(), tensor);
  std::vector<float> one_head(static_cast<size_t>(rows.size() * shape.channels));
  for (int64_t head = 0; head < shape.heads; ++head) {
    inputs.read(tensor, rows, head, one_head.data());
    for (int64_t row = 0; row < rows.size(); ++row) {
      std::copy_n(one_head.data() + row * shape.channels, shape.channels,
                  out + (row * shape.heads + head) * shape.channels);
    }
  }
}

void write_rows(const InputSource& inputs, InputTensor tensor, const TokenSet& tokens, const HeadRange& heads,
                void* out, const RowStrides& strides) {
  const DType dtype = inputs.problem().dtype;
  const int64_t channels = input_channels(inputs.problem(), tensor);
  std::vector<float> row(static_cast<size_t>(channels));
  for (int64_t head = heads.begin; head < heads.end; ++head) {
    int64_t index = 0;
    for (const TokenRange& range : tokens.ranges()) {
      for (int64_t position = range.begin; position < range.end; ++position, ++index) {
        inputs.read(tensor, {range.sequence, position, position + 1}, head, row.data());
        const int64_t offset = (head - heads.begin) * strides.head + index * strides.token;
        store_floats(dtype, row.data(), channels, static_cast<std::byte*>(out) + offset * bytes_of(dtype));
      }
    }
  }
}

}  // namespace ringfold
