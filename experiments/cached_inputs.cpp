#include "experiments/cached_inputs.h"

#include <algorithm>

namespace ringfold {

namespace {

/// All rows of a tensor, [token][head][dim] as StoredInputs takes them.
std::vector<float> all_rows(const InputSource& source, InputTensor tensor) {
  const Problem& problem = source.problem();
  const bool is_q = tensor == InputTensor::q;
  const int64_t heads = is_q ? problem.heads.query : problem.heads.kv;
  const int64_t dim = problem.heads.dim;
  std::vector<float> rows(static_cast<size_t>((is_q ? problem.query_tokens() : problem.kv_tokens()) * heads * dim));
  std::vector<float> one_head;
  float* to = rows.data();
  const TokenSet tokens = is_q ? query_set(problem) : kv_set(problem);
  for (const TokenRange& range : tokens.ranges()) {
    one_head.resize(static_cast<size_t>(range.size() * dim));
    for (int64_t head = 0; head < heads; ++head) {
      source.read(tensor, range, head, one_head.data());
      for (int64_t token = 0; token < range.size(); ++token) {
        std::copy_n(one_head.data() + token * dim, dim, to + (token * heads + head) * dim);
      }
    }
    to += range.size() * heads * dim;
  }
  return rows;
}

}  // namespace

CachedInputs::CachedInputs(const InputSource& source)
    : InputSource(source.problem()),
      source_(source),
      stored_(source.problem(), all_rows(source, InputTensor::q), all_rows(source, InputTensor::k),
              all_rows(source, InputTensor::v)) {}

}  // namespace ringfold
