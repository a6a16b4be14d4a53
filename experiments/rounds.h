#pragma once

#include "experiments/case.h"
#include "lib/inputs.h"
#include "lib/schedule.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <vector>

namespace ringfold {

/// `problem.rounds` of a case, repeats written out; null if it has none. Rounds without a strategy have the case's.
std::shared_ptr<const std::vector<RoundSpec>> rounds_of(const nlohmann::json& problem, const Case& item);

/// A case with rounds has the problem of all its tokens at once; one case for each round then, else the case itself.
std::vector<Case> split_rounds(Case item);

/// Why this case's rounds can be neither planned nor run, whatever its strategy; empty if it has none, or they can.
std::string refused_rounds(const Case& item);

/// The tokens of all rounds, as new ones.
std::vector<Sequence> all_sequences(const std::vector<RoundSpec>& rounds);

/// The problem of all tokens of all rounds: what input files hold and inputs are made for.
Problem whole_problem(const Case& item);

/// The tokens of one round, and those before it as cached ones, of the inputs of the whole.
class RoundInputs final : public InputSource {
 public:
  RoundInputs(const Problem& round, std::unique_ptr<InputSource> whole)
      : InputSource(round), whole_(std::move(whole)) {}
  void read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const override {
    whole_->read(tensor, tokens, head, out);
  }
  void read_doubts(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const override {
    whole_->read_doubts(tensor, tokens, head, out);
  }
  std::optional<InputKind> kind() const override { return whole_->kind(); }
  const GeneratedInputs* generated() const override { return whole_->generated(); }
  /// A full mask shows the whole's rows keys that are not there yet.
  bool known_answer(const QueryRow& row, ReferenceRow& answer) const override {
    return problem().mask.kind != MaskKind::full && whole_->known_answer(row, answer);
  }

 private:
  std::unique_ptr<InputSource> whole_;
};

/// Where this round leaves K and V, by rank of a group: what was cached lies where it lay, and each token on one rank,
/// or Error(unavailable) is thrown.
std::vector<TokenSet> cache_after(const Case& item, const Schedule& schedule);
/// Where the rounds before this one have left K and V, by rank of a group. Empty where they lie as without rounds.
/// Throws what cache_after does.
std::vector<TokenSet> cache_of(const Case& item);

}  // namespace ringfold
