#pragma once

#include "experiments/compare_side.h"
#include "experiments/comparison.h"
#include "lib/error.h"

#include <optional>
#include <string>
#include <vector>

namespace ringfold {

/// A case that both sides have.
struct ComparedCase {
  const SideCase* a = nullptr;
  const SideCase* b = nullptr;
  std::optional<Comparison> comparison;  ///< absent where a side has no times

  /// It passed in A and does not any more.
  bool is_broken() const { return a->runs > 0 && b->runs == 0; }
};

/// A field of `environment` in which cases that are compared differ.
struct EnvironmentDifference {
  std::string field;
  std::string a;  ///< the first pair of values that differ
  std::string b;
};

/// What two sides say of each other. Points into them.
struct Compared {
  std::vector<ComparedCase> cases;  ///< in A's order
  std::vector<const SideCase*> only_a;
  std::vector<const SideCase*> only_b;
  std::vector<EnvironmentDifference> environment;

  int64_t count(Verdict verdict) const;
  int64_t broken() const;
  int64_t timed() const;  ///< cases with times on both sides
};

/// Cases are matched by content_key(). Numbers of the environment that were measured differ from 10 % on; the revision,
/// which is expected to, is left out.
Compared compare_sides(const Side& a, const Side& b, const Criterion& criterion);

/// nothing_to_run where nothing could be compared. If `fails_on_slower`: regression for a case that is slower or
/// broken, and nothing_to_run where no case has the repeats to ever be found slower: a gate that cannot close is none.
ExitCode exit_of(const Compared& compared, const Criterion& criterion, bool fails_on_slower);

}  // namespace ringfold
