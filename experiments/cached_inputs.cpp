#include "experiments/cached_inputs.h"

#include <algorithm>

namespace ringfold {

CachedInputs::CachedInputs(const InputSource& source) : InputSource(source.problem()), source_(source) {
  const Problem& of = problem();
  const auto elements = [&](int64_t tokens, int64_t heads) {
    return static_cast<size_t>(tokens * heads * of.heads.dim);
  };
  tensors_[0].resize(elements(of.query_tokens(), of.heads.query));
  tensors_[1].resize(elements(of.kv_tokens(), of.heads.kv));
  tensors_[2].resize(elements(of.kv_tokens(), of.heads.kv));
  int64_t queries = 0;
  int64_t keys = 0;
  for (const Sequence& sequence : of.sequences) {
    first_query_.push_back(queries);
    first_key_.push_back(keys);
    queries += sequence.query;
    keys += sequence.length();
  }
  for (InputTensor tensor : {InputTensor::q, InputTensor::k, InputTensor::v}) {
    const bool is_q = tensor == InputTensor::q;
    for (size_t i = 0; i < of.sequences.size(); ++i) {
      const auto sequence = static_cast<int64_t>(i);
      const TokenRange tokens{sequence, is_q ? of.sequences[i].cached : 0, of.sequences[i].length()};
      for (int64_t head = 0; tokens.size() > 0 && head < (is_q ? of.heads.query : of.heads.kv); ++head) {
        float* out = tensors_[static_cast<size_t>(tensor)].data() + offset(tensor, sequence, tokens.begin, head);
        source.read(tensor, tokens, head, out);
      }
    }
  }
}

size_t CachedInputs::offset(InputTensor tensor, int64_t sequence, int64_t position, int64_t head) const {
  const Problem& of = problem();
  const auto index = static_cast<size_t>(sequence);
  const bool is_q = tensor == InputTensor::q;
  const int64_t first = is_q ? of.sequences[index].cached : 0;
  const int64_t before = is_q ? first_query_[index] * of.heads.query : first_key_[index] * of.heads.kv;
  const int64_t tokens = of.sequences[index].length() - first;
  return static_cast<size_t>((before + head * tokens + position - first) * of.heads.dim);
}

void CachedInputs::read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const {
  const float* from =
      tensors_[static_cast<size_t>(tensor)].data() + offset(tensor, tokens.sequence, tokens.begin, head);
  std::copy_n(from, tokens.size() * problem().heads.dim, out);
}

}  // namespace ringfold
