#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ringfold {

// Statistics of repeats. None assumes a distribution: times have long tails, and one bad repeat must not decide.
// Values are times, in any unit: finite, and above 0 where ratios are formed. Spans need not be sorted.

struct Interval {
  double low = 0;
  double high = 0;
};

/// Of an even number of values the mean of the middle two. Requires a value.
double median(std::span<const double> values);

/// Holds the median of the distribution with at least this confidence: between the order statistics that the binomial
/// distribution gives (Conover, Practical Nonparametric Statistics, 3.2). Absent with too few values: 95 % needs 6.
std::optional<Interval> median_interval(std::span<const double> values, double confidence = 0.95);

/// Indices of values that are further from the median than 5 standard deviations and 10 % of it, ascending; the
/// standard deviation is estimated by the median absolute deviation (Iglewicz and Hoaglin 1993). None of fewer than 4
/// values.
std::vector<int64_t> outliers(std::span<const double> values);

/// Of the Mann-Whitney (Wilcoxon) rank test.
struct RankTest {
  double u = 0;  ///< pairs in which b is larger, plus half the equal ones; from 0 to |a| |b|
  double p = 1;  ///< two-sided: how often samples of one distribution are at least as far apart
};

/// Whether a and b come from one distribution. Exact for up to 50 values together, ties included (the permutations of
/// the mid-ranks); above by the normal approximation with corrections for ties and continuity. Requires a value in
/// each.
RankTest rank_test(std::span<const double> a, std::span<const double> b);

/// The smallest p that samples of these sizes can have: above the level that is asked for, no data can decide.
double smallest_p(int64_t values_a, int64_t values_b);

/// How many times as large b is than a.
struct Ratio {
  double ratio = 1;                  ///< the median of b / a over all pairs (Hodges and Lehmann 1963, on logarithms)
  std::optional<Interval> interval;  ///< where the rank test does not reject (Moses); absent with too few values
};

/// Values above 0, at least one in each. Time: n log n for n values, whatever the number of pairs.
Ratio ratio_of(std::span<const double> a, std::span<const double> b, double confidence = 0.95);

}  // namespace ringfold
