#pragma once

#include "lib/compare.h"
#include "lib/inputs.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ringfold {

/// Judges the results of every case of one problem with one set of inputs. Which rows are checked is a function of
/// (problem, inputs, budget, edges), the same on every rank; their references are computed once, where needed.
///
///   Judge judge(inputs, reference_seconds, edges);     // once per problem
///   judge.prepare(query_set(problem), {0, heads});     // or, in a process, the rows that this rank will hold
///   Figures figures = judge.judge(rows, how, rank);    // on each rank, after each case
///   figures.merge(others); judge.failure_of(figures);  // on one rank: empty if the case passes
class Judge {
 public:
  /// Checks every row where answers are known or the reference's work, at a nominal rate, fits the budget; else a
  /// sample of tokens (all their heads) seeded by the problem's shape, with every new token of `edges` in it.
  /// The inputs must outlive the judge.
  Judge(const InputSource& inputs, double reference_seconds, const TokenSet& edges);

  /// Tokens whose rows are checked.
  const TokenSet& checked() const { return checked_; }
  /// Estimated seconds that `prepare` of everything takes, at the nominal rate.
  double planned_seconds() const { return planned_seconds_; }

  /// Computes the references of the checked rows among `tokens` x `heads` (query heads) that are still missing.
  /// Threads may call it at once; one computes and the others wait.
  void prepare(const TokenSet& tokens, const HeadRange& heads);

  /// Compares rows, all of which were prepared. Every value, checked or not, must be finite. Threads may call it
  /// at once, but not while another prepares.
  Figures judge(const OutputRows& rows, const Accumulation& how, int rank) const;

  /// Why the merged figures of all ranks fail, in one line; empty if they pass. Each checked row must have been
  /// compared exactly once.
  std::string failure_of(const Figures& figures) const;
  /// The contract's rows_checked: token rows with all their heads.
  int64_t rows_checked(const Figures& figures) const;

 private:
  const ReferenceRow& reference(const QueryRow& row, ReferenceRow& scratch) const;
  void prepare_head(const TokenSet& tokens, int64_t sequence, const HeadRange& heads);

  const InputSource& inputs_;
  TokenSet checked_;
  double planned_seconds_ = 0;
  std::mutex mutex_;
  std::vector<std::vector<ReferenceRow>> rows_;  // [query head][index in checked_]; empty `out`: not computed
};

}  // namespace ringfold
