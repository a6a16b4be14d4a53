#pragma once

#include "lib/inputs.h"

namespace ringfold {

/// The values of another source, which must outlive this, kept in memory: 4 bytes an element.
class CachedInputs final : public InputSource {
 public:
  explicit CachedInputs(const InputSource& source);
  void read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const override {
    stored_.read(tensor, tokens, head, out);
  }
  std::optional<InputKind> kind() const override { return source_.kind(); }
  const GeneratedInputs* generated() const override { return source_.generated(); }
  bool known_answer(const QueryRow& row, ReferenceRow& answer) const override {
    return source_.known_answer(row, answer);
  }

 private:
  const InputSource& source_;
  StoredInputs stored_;
};

}  // namespace ringfold
