#pragma once

#include "experiments/case.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace ringfold {

/// Decides when the cases of a problem, which take turns, have been repeated enough: all of them together, so that each
/// round has them all. At least measure.repeats rounds; then until each case has been timed for measure.min_seconds;
/// then, with measure.confidence, until the 95 % interval of each case's median is narrow enough, for a minute a case
/// and 10,000 rounds at most.
class Repeats {
 public:
  Repeats(const Measure& measure, size_t cases);

  /// Does the number of rounds depend on how long they take?
  bool depend_on_time() const { return measure_.min_seconds > 0 || measure_.confidence; }
  /// The times of a round, in ms, of each case's slowest rank; absent for a case that has failed: it counts no longer.
  void add(const std::vector<std::optional<double>>& round_ms);
  bool are_enough() const;
  int64_t rounds() const { return rounds_; }

 private:
  struct Times {
    std::vector<double> ms;
    double seconds = 0;
    bool has_failed = false;
  };
  bool is_enough(const Times& times) const;

  Measure measure_;
  std::vector<Times> cases_;
  int64_t rounds_ = 0;
};

/// Half the width of the 95 % interval of the median, as a part of the median; absent with too few values.
std::optional<double> relative_half_width(const std::vector<double>& ms);

/// The order in which `cases` take their turns in a round: random, the same wherever seed and round are.
std::vector<size_t> round_order(uint64_t seed, int64_t round, size_t cases);

}  // namespace ringfold
