#pragma once

#include "lib/inputs.h"

namespace ringfold {

/// The values of another source, which must outlive this, kept in memory: 4 bytes an element.
class CachedInputs final : public InputSource {
 public:
  explicit CachedInputs(const InputSource& source);
  void read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const override;
  std::optional<InputKind> kind() const override { return source_.kind(); }
  bool known_answer(const QueryRow& row, ReferenceRow& answer) const override {
    return source_.known_answer(row, answer);
  }

 private:
  size_t offset(InputTensor tensor, int64_t sequence, int64_t position, int64_t head) const;

  const InputSource& source_;
  std::vector<float> tensors_[3];     // [sequence][head][token][dim]
  std::vector<int64_t> first_query_;  // tokens before each sequence
  std::vector<int64_t> first_key_;
};

}  // namespace ringfold
