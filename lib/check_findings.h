#pragma once

#include "lib/check.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

namespace ringfold {

/// "block 7 (kv 0:[0,12) x heads [0,2))".
std::string describe(const Program& program, BlockId block);
/// "queries 0:[0,12) x heads [0,2)" without the noun.
std::string describe(const TokenRange& tokens, const HeadRange& heads);

/// Collects what the proofs find. Texts are made only for the first few findings of each proof.
class Findings {
 public:
  explicit Findings(const Schedule& schedule) : schedule_(schedule) {}

  bool wanted(Proof proof) const { return counts_[static_cast<size_t>(proof)] < kMost; }
  bool any() const { return !findings_.empty(); }

  /// rank and operation are put before the text; -1 leaves them out.
  template <typename... Args>
  void add(Proof proof, int rank, int operation, fmt::format_string<Args...> format, Args&&... args) {
    if (!wanted(proof)) return;
    add_text(proof, rank, operation, fmt::format(format, std::forward<Args>(args)...));
  }

  std::vector<Finding> take() { return std::move(findings_); }

 private:
  static constexpr int kMost = 8;

  void add_text(Proof proof, int rank, int operation, const std::string& text);

  const Schedule& schedule_;
  std::vector<Finding> findings_;
  int counts_[5] = {};
};

}  // namespace ringfold
