#include "experiments/cached_inputs.h"

#include <algorithm>

namespace ringfold {

namespace {

/// All rows of what is given, [row][head][channel] as StoredInputs takes them.
std::vector<std::vector<float>> all_rows(const InputSource& source) {
  std::vector<std::vector<float>> tensors;
  for (const InputTensor tensor : given_tensors(source.problem())) {
    const InputShape shape = input_shape(source.problem(), tensor);
    tensors.emplace_back(static_cast<size_t>(shape.elements()));
    float* to = tensors.back().data();
    for (const TokenRange& range : shape.rows.ranges()) {
      read_all_heads(source, tensor, range, to);
      to += range.size() * shape.heads * shape.channels;
    }
  }
  return tensors;
}

}  // namespace

CachedInputs::CachedInputs(const InputSource& source)
    : InputSource(source.problem()), source_(source), stored_(source.problem(), all_rows(source)) {}

}  // namespace ringfold
