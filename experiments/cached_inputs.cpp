#include "experiments/cached_inputs.h"

#include <algorithm>

namespace ringfold {

namespace {

/// All rows of what is given, [row][head][channel] as StoredInputs takes them.
std::vector<std::vector<float>> all_rows(const InputSource& source) {
  std::vector<std::vector<float>> tensors;
  std::vector<float> one_head;
  for (const InputTensor tensor : given_tensors(source.problem())) {
    const InputShape shape = input_shape(source.problem(), tensor);
    tensors.emplace_back(static_cast<size_t>(shape.elements()));
    float* to = tensors.back().data();
    for (const TokenRange& range : shape.rows.ranges()) {
      one_head.resize(static_cast<size_t>(range.size() * shape.channels));
      for (int64_t head = 0; head < shape.heads; ++head) {
        source.read(tensor, range, head, one_head.data());
        for (int64_t row = 0; row < range.size(); ++row) {
          std::copy_n(one_head.data() + row * shape.channels, shape.channels,
                      to + (row * shape.heads + head) * shape.channels);
        }
      }
      to += range.size() * shape.heads * shape.channels;
    }
  }
  return tensors;
}

}  // namespace

CachedInputs::CachedInputs(const InputSource& source)
    : InputSource(source.problem()), source_(source), stored_(source.problem(), all_rows(source)) {}

}  // namespace ringfold
