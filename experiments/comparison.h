#pragma once

#include "experiments/statistics.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ringfold {

/// What can be said of B's times against A's.
enum class Verdict { same, faster, slower, cannot_tell };
std::string_view to_string(Verdict verdict);

/// What it takes to say so; docs/comparing.md derives the numbers.
struct Criterion {
  double noise_floor = 0.05;   ///< differences up to this share are nobody's: two runs of one program differ as much
  double significance = 0.01;  ///< of the rank test, in each direction: false alarms of equal distributions, at most
  double confidence = 0.95;    ///< of the interval of the ratio
};

struct Comparison {
  Verdict verdict = Verdict::cannot_tell;
  Ratio ratio;
  double p = 1;        ///< one-sided, in the direction of the difference
  std::string reason;  ///< why it cannot be told
};

/// slower: the rank test rejects that B is not slower, and the ratio is above 1 + floor; faster: the other way round.
/// same: the whole interval of the ratio lies between 1 / (1 + floor) and 1 + floor. Else it cannot be told. Times
/// above 0, at least one in each.
Comparison compare_times(std::span<const double> a, std::span<const double> b, const Criterion& criterion);

/// Whether so many repeats can make a difference significant at all.
bool can_decide(int64_t repeats_a, int64_t repeats_b, const Criterion& criterion);

}  // namespace ringfold
