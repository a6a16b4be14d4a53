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

}  // namespace

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

bool InputSource::known_answer(const QueryRow&, ReferenceRow&) const { return false; }

GeneratedInputs::GeneratedInputs(const Problem& problem, InputKind kind, uint64_t seed) : InputSource(problem) {
  recipe_.kind = kind;
  recipe_.seed = seed;
  recipe_.dim = problem.heads.dim;
  recipe_.sink_units = sink_units(problem.softmax_scale());
  recipe_.needle = needle_scale(problem.softmax_scale());
}

InputRow GeneratedInputs::row(InputTensor tensor, int64_t sequence, int64_t position, int64_t head) const {
  const Sequence& tokens = problem().sequences[static_cast<size_t>(sequence)];
  const int64_t kv_head = tensor == InputTensor::q ? head / problem().heads.group() : head;
  return input_row(recipe_, problem().mask,
                   {tensor, sequence, tokens.length(), tokens.cached, position, head, kv_head});
}

void GeneratedInputs::read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const {
  for (int64_t position = tokens.begin; position < tokens.end; ++position) {
    const InputRow values = row(tensor, tokens.sequence, position, head);
    for (int64_t channel = 0; channel < recipe_.dim; ++channel) {
      *out++ = round_to(problem().dtype, input_element(recipe_, values, channel));
    }
  }
}

StoredInputs::StoredInputs(const Problem& problem, std::vector<float> q, std::vector<float> k, std::vector<float> v)
    : InputSource(problem), tensors_{std::move(q), std::move(k), std::move(v)} {
  const Heads& heads = problem.heads;
  const int64_t sizes[3] = {problem.query_tokens() * heads.query * heads.dim,
                            problem.kv_tokens() * heads.kv * heads.dim, problem.kv_tokens() * heads.kv * heads.dim};
  for (int i = 0; i < 3; ++i) {
    RINGFOLD_CHECK(static_cast<int64_t>(tensors_[i].size()) == sizes[i], ExitCode::configuration,
                   "input {}: {} elements, but the problem has {}", "qkv"[i], tensors_[i].size(), sizes[i]);
    for (float& value : tensors_[i]) value = round_to(problem.dtype, value);
  }
  int64_t queries = 0;
  int64_t keys = 0;
  for (const Sequence& sequence : problem.sequences) {
    first_query_.push_back(queries);
    first_key_.push_back(keys);
    queries += sequence.query;
    keys += sequence.length();
  }
}

void StoredInputs::read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const {
  const auto sequence = static_cast<size_t>(tokens.sequence);
  const bool queries = tensor == InputTensor::q;
  const Heads& heads = problem().heads;
  const int64_t first = queries ? first_query_[sequence] - problem().sequences[sequence].cached : first_key_[sequence];
  const float* values = tensors_[static_cast<size_t>(tensor)].data();
  for (int64_t position = tokens.begin; position < tokens.end; ++position) {
    const int64_t row = (first + position) * (queries ? heads.query : heads.kv) + head;
    out = std::copy_n(values + row * heads.dim, heads.dim, out);
  }
}

void write_rows(const InputSource& inputs, InputTensor tensor, const TokenSet& tokens, const HeadRange& heads,
                void* out, const RowStrides& strides) {
  const DType dtype = inputs.problem().dtype;
  const int64_t dim = inputs.problem().heads.dim;
  std::vector<float> row(static_cast<size_t>(dim));
  for (int64_t head = heads.begin; head < heads.end; ++head) {
    int64_t index = 0;
    for (const TokenRange& range : tokens.ranges()) {
      for (int64_t position = range.begin; position < range.end; ++position, ++index) {
        inputs.read(tensor, {range.sequence, position, position + 1}, head, row.data());
        const int64_t offset = (head - heads.begin) * strides.head + index * strides.token;
        store_floats(dtype, row.data(), dim, static_cast<std::byte*>(out) + offset * bytes_of(dtype));
      }
    }
  }
}

}  // namespace ringfold
