#include "experiments/statistics.h"

#include "lib/error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <utility>

namespace ringfold {
namespace {

constexpr int64_t kExactValues = 50;  // of both samples together; from there the approximation is good to 0.004 of p

std::vector<double> sorted(std::span<const double> values) {
  std::vector<double> result(values.begin(), values.end());
  std::sort(result.begin(), result.end());
  return result;
}

int64_t size_of(std::span<const double> values) { return static_cast<int64_t>(values.size()); }

double median_of_sorted(const std::vector<double>& values) {
  RINGFOLD_INVARIANT(!values.empty(), "a median of no values");
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : values[middle - 1] / 2 + values[middle] / 2;
}

/// P(X <= x) of a standard normal.
double normal_below(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// The x with P(X <= x) = p, for p up to 1/2.
double normal_quantile(double p) {
  double low = -40;
  double high = 0;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (normal_below(middle) < p ? low : high) = middle;
  }
  return low;
}

/// Twice the mid-rank of each value of both samples in ascending order, integers; and the sum of t^3 - t over ties of
/// t.
struct Ranks {
  std::vector<int64_t> twice;
  int64_t twice_sum_b = 0;
  double ties = 0;
};

Ranks ranks_of(std::span<const double> a, std::span<const double> b) {
  std::vector<std::pair<double, bool>> all;
  for (double value : a) all.emplace_back(value, false);
  for (double value : b) all.emplace_back(value, true);
  std::sort(all.begin(), all.end());
  Ranks ranks;
  for (size_t begin = 0; begin < all.size();) {
    size_t end = begin;
    while (end < all.size() && all[end].first == all[begin].first) ++end;
    const auto twice = static_cast<int64_t>(begin + end + 1);
    for (size_t i = begin; i < end; ++i) {
      ranks.twice.push_back(twice);
      if (all[i].second) ranks.twice_sum_b += twice;
    }
    const auto tied = static_cast<double>(end - begin);
    ranks.ties += tied * tied * tied - tied;
    begin = end;
  }
  return ranks;
}

/// How often the sum of `chosen` of the values has each size from 0 on, over all choices: probabilities.
std::vector<double> sum_distribution(const std::vector<int64_t>& values, int64_t chosen) {
  int64_t most = 0;
  for (int64_t value : values) most += value;
  const auto width = static_cast<size_t>(most + 1);
  // Of subsets of the values so far, by size and sum. Exact: at most C(50, 25) < 2^53 in all.
  std::vector<std::vector<double>> count(static_cast<size_t>(chosen + 1), std::vector<double>(width));
  count[0][0] = 1;
  int64_t reach = 0;
  for (int64_t value : values) {
    reach += value;
    for (size_t size = count.size() - 1; size > 0; --size) {
      for (auto sum = static_cast<size_t>(reach); sum >= static_cast<size_t>(value); --sum) {
        count[size][sum] += count[size - 1][sum - static_cast<size_t>(value)];
      }
    }
  }
  double all = 0;
  for (double ways : count.back()) all += ways;
  for (double& ways : count.back()) ways /= all;
  return std::move(count.back());
}

/// As above; those asked for lately are kept, since all cases of a run have as many repeats.
const std::vector<double>& known_distribution(const std::vector<int64_t>& values, int64_t chosen) {
  constexpr size_t kMostKept = 64;
  thread_local std::map<std::pair<std::vector<int64_t>, int64_t>, std::vector<double>> known;
  if (known.size() > kMostKept) known.clear();
  std::vector<double>& distribution = known[{values, chosen}];
  if (distribution.empty()) distribution = sum_distribution(values, chosen);
  return distribution;
}

double exact_p(const Ranks& ranks, int64_t values_b) {
  const std::vector<double>& probability = known_distribution(ranks.twice, values_b);
  double below = 0;
  double above = 0;
  for (size_t sum = 0; sum < probability.size(); ++sum) {
    if (static_cast<int64_t>(sum) <= ranks.twice_sum_b) below += probability[sum];
    if (static_cast<int64_t>(sum) >= ranks.twice_sum_b) above += probability[sum];
  }
  return std::min(1.0, 2 * std::min(below, above));
}

double approximate_p(const Ranks& ranks, double a, double b, double u) {
  const double n = a + b;
  const double variance = a * b / 12 * ((n + 1) - ranks.ties / (n * (n - 1)));
  if (variance <= 0) return 1;
  const double distance = std::max(std::fabs(u - a * b / 2) - 0.5, 0.0);
  return std::min(1.0, 2 * normal_below(-distance / std::sqrt(variance)));
}

/// The largest k with P(U < k) <= tail, for samples without ties; 0: none.
int64_t rank_below(int64_t a, int64_t b, double tail) {
  if (a + b > kExactValues) {
    const auto m = static_cast<double>(a);
    const auto n = static_cast<double>(b);
    const double place = m * n / 2 + normal_quantile(tail) * std::sqrt(m * n * (m + n + 1) / 12) + 0.5;
    return std::max<int64_t>(0, static_cast<int64_t>(std::floor(place)));
  }
  std::vector<int64_t> twice_ranks;
  for (int64_t rank = 1; rank <= a + b; ++rank) twice_ranks.push_back(2 * rank);
  const std::vector<double>& probability = known_distribution(twice_ranks, b);
  double below = 0;
  for (int64_t k = 0;; ++k) {
    below += probability[static_cast<size_t>(b * (b + 1) + 2 * k)];  // the least rank sum is where U is 0
    if (below > tail) return k;
  }
}

/// Pairs with b / a <= limit. Division rounds monotonically, so that one pass over sorted values will do.
int64_t ratios_up_to(const std::vector<double>& a, const std::vector<double>& b, double limit) {
  int64_t count = 0;
  size_t first = 0;  // a[first] and later make the ratio small enough; it rises with b
  for (double value : b) {
    while (first < a.size() && value / a[first] > limit) ++first;
    if (first == a.size()) break;
    count += static_cast<int64_t>(a.size() - first);
  }
  return count;
}

/// The k-th smallest b / a, counted from 1: the smallest double that as many ratios do not exceed. The bits of positive
/// doubles have the order of the doubles.
double ratio_at(const std::vector<double>& a, const std::vector<double>& b, int64_t k) {
  uint64_t low = std::bit_cast<uint64_t>(b.front() / a.back());
  uint64_t high = std::bit_cast<uint64_t>(b.back() / a.front());
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (ratios_up_to(a, b, std::bit_cast<double>(middle)) >= k) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return std::bit_cast<double>(low);
}

}  // namespace

double median(std::span<const double> values) { return median_of_sorted(sorted(values)); }

std::optional<Interval> median_interval(std::span<const double> values, double confidence) {
  const auto n = static_cast<double>(values.size());
  const double tail = (1 - confidence) / 2;
  double below = 0;  // P(fewer than k of n values lie below the median)
  size_t k = 0;
  while (2 * k < values.size()) {
    const auto of = static_cast<double>(k);
    below += std::exp(std::lgamma(n + 1) - std::lgamma(of + 1) - std::lgamma(n - of + 1) - n * std::log(2.0));
    if (below > tail) break;
    ++k;
  }
  if (k == 0) return std::nullopt;
  const std::vector<double> order = sorted(values);
  return Interval{order[k - 1], order[order.size() - k]};
}

std::vector<int64_t> outliers(std::span<const double> values) {
  if (values.size() < 4) return {};
  const double middle = median(values);
  std::vector<double> distances;
  for (double value : values) distances.push_back(std::fabs(value - middle));
  // 1.4826 median absolute deviations are one standard deviation of a normal distribution.
  const double limit = std::max(5 * 1.4826 * median(distances), 0.1 * std::fabs(middle));
  std::vector<int64_t> indices;
  for (size_t i = 0; i < distances.size(); ++i) {
    if (distances[i] > limit) indices.push_back(static_cast<int64_t>(i));
  }
  return indices;
}

RankTest rank_test(std::span<const double> a, std::span<const double> b) {
  RINGFOLD_INVARIANT(!a.empty() && !b.empty(), "a rank test of no values");
  const Ranks ranks = ranks_of(a, b);
  RankTest test;
  test.u = static_cast<double>(ranks.twice_sum_b - size_of(b) * (size_of(b) + 1)) / 2;
  test.p = size_of(a) + size_of(b) <= kExactValues
               ? exact_p(ranks, size_of(b))
               : approximate_p(ranks, static_cast<double>(a.size()), static_cast<double>(b.size()), test.u);
  return test;
}

double smallest_p(int64_t values_a, int64_t values_b) {
  if (values_a == 0 || values_b == 0) return 1;
  const auto m = static_cast<double>(values_a);
  const auto n = static_cast<double>(values_b);
  return std::min(1.0, 2 * std::exp(std::lgamma(m + 1) + std::lgamma(n + 1) - std::lgamma(m + n + 1)));
}

Ratio ratio_of(std::span<const double> a, std::span<const double> b, double confidence) {
  RINGFOLD_INVARIANT(!a.empty() && !b.empty(), "a ratio of no values");
  const std::vector<double> divisors = sorted(a);
  const std::vector<double> dividends = sorted(b);
  RINGFOLD_INVARIANT(divisors.front() > 0 && dividends.front() > 0, "a ratio of times that are not above 0");
  const int64_t pairs = size_of(a) * size_of(b);
  const double lower = ratio_at(divisors, dividends, (pairs + 1) / 2);
  const double upper = ratio_at(divisors, dividends, pairs / 2 + 1);
  Ratio result;
  result.ratio = std::sqrt(lower) * std::sqrt(upper);
  const int64_t k = rank_below(size_of(a), size_of(b), (1 - confidence) / 2);
  if (k > 0) {
    result.interval = {ratio_at(divisors, dividends, k), ratio_at(divisors, dividends, pairs + 1 - k)};
  }
  return result;
}

}  // namespace ringfold
