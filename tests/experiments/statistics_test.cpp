#include "experiments/statistics.h"

#include "tests/catch.h"

#include <algorithm>
#include <cmath>
#include <random>

using namespace ringfold;
using Catch::Approx;

namespace {

using Values = std::vector<double>;

/// Every way to choose the ranks of b among those of both, by brute force: how often U is at most / at least as
/// observed.
double enumerated_p(const Values& a, const Values& b) {
  Values all = a;
  all.insert(all.end(), b.begin(), b.end());
  const auto u_of = [&](const std::vector<bool>& in_b) {
    double u = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      for (size_t j = 0; j < all.size(); ++j) {
        if (in_b[i] || !in_b[j]) continue;
        u += all[j] > all[i] ? 1 : all[j] == all[i] ? 0.5 : 0;
      }
    }
    return u;
  };
  std::vector<bool> chosen(all.size(), false);
  std::fill(chosen.begin() + static_cast<std::ptrdiff_t>(a.size()), chosen.end(), true);
  const double observed = u_of(chosen);
  double ways = 0;
  double below = 0;
  double above = 0;
  do {
    const double u = u_of(chosen);
    ++ways;
    below += u <= observed ? 1 : 0;
    above += u >= observed ? 1 : 0;
  } while (std::next_permutation(chosen.begin(), chosen.end()));
  return std::min(1.0, 2 * std::min(below, above) / ways);
}

Values ratios_of(const Values& a, const Values& b) {
  Values ratios;
  for (double x : a) {
    for (double y : b) ratios.push_back(y / x);
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios;
}

Values random_values(std::mt19937_64& random, size_t count, int64_t steps) {
  Values values;
  for (size_t i = 0; i < count; ++i) values.push_back(1 + static_cast<double>(random() % static_cast<uint64_t>(steps)));
  return values;
}

}  // namespace

TEST_CASE("the median of an even number is between the middle two") {
  CHECK(median(Values{3, 1, 2}) == 2);
  CHECK(median(Values{4, 1, 2, 3}) == 2.5);
  CHECK(median(Values{7}) == 7);
}

TEST_CASE("the interval of the median is that of the tables") {
  // Conover, table of the sign test: for 95 %, n = 6 spans all, 10 leaves out one at each end, 20 five.
  const auto ends = [](int64_t n, double confidence) {
    Values values;
    for (int64_t i = n; i > 0; --i) values.push_back(static_cast<double>(i));
    const std::optional<Interval> interval = median_interval(values, confidence);
    return interval ? std::pair(interval->low, interval->high) : std::pair(0.0, 0.0);
  };
  CHECK(ends(5, 0.95) == std::pair(0.0, 0.0));
  CHECK(ends(6, 0.95) == std::pair(1.0, 6.0));
  CHECK(ends(8, 0.95) == std::pair(1.0, 8.0));
  CHECK(ends(9, 0.95) == std::pair(2.0, 8.0));
  CHECK(ends(10, 0.95) == std::pair(2.0, 9.0));
  CHECK(ends(20, 0.95) == std::pair(6.0, 15.0));
  CHECK(ends(100, 0.95) == std::pair(40.0, 61.0));
  CHECK(ends(7, 0.99) == std::pair(0.0, 0.0));
  CHECK(ends(8, 0.99) == std::pair(1.0, 8.0));
  CHECK(ends(5, 0.9) == std::pair(1.0, 5.0));
  CHECK_FALSE(median_interval(Values{}).has_value());
}

TEST_CASE("the interval of the median holds it as often as it says") {
  std::mt19937_64 random(5);
  constexpr int kTrials = 4000;
  for (const size_t count : {6U, 11U, 30U}) {
    int held = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      const Values values = random_values(random, count, int64_t{1} << 40);
      const Interval interval = median_interval(values).value();
      const double middle = 0x1p39;
      held += interval.low <= middle && middle <= interval.high ? 1 : 0;
    }
    // 95 % of 4000 trials, less three standard deviations of their number.
    CHECK(held > 3758);
  }
}

TEST_CASE("outliers are far from the median, in both directions") {
  CHECK(outliers(Values{10, 10.1, 9.9, 10.2, 9.8, 14}) == std::vector<int64_t>{5});
  CHECK(outliers(Values{10, 5, 10.1, 9.9, 10.2, 9.8}) == std::vector<int64_t>{1});
  CHECK(outliers(Values{10, 10.1, 9.9, 10.2, 9.8, 10.6}).empty());
  CHECK(outliers(Values{10, 10, 10, 10, 10.9}).empty());  // within 10 %
  CHECK(outliers(Values{10, 10, 10, 10, 11.1}) == std::vector<int64_t>{4});
  CHECK(outliers(Values{1, 2, 100}).empty());  // too few to say
  CHECK(outliers(Values{}).empty());
}

TEST_CASE("the rank test equals the enumeration of all permutations, ties included") {
  std::mt19937_64 random(7);
  for (int trial = 0; trial < 60; ++trial) {
    const int64_t steps = trial % 3 == 0 ? 3 : trial % 3 == 1 ? 8 : 1000000;
    const Values a = random_values(random, 1 + random() % 5, steps);
    const Values b = random_values(random, 1 + random() % 5, steps);
    INFO("trial " << trial);
    CHECK(rank_test(a, b).p == Approx(enumerated_p(a, b)).epsilon(1e-12));
    CHECK(rank_test(b, a).p == Approx(rank_test(a, b).p).epsilon(1e-12));
    CHECK(rank_test(a, b).u + rank_test(b, a).u == static_cast<double>(a.size() * b.size()));
  }
}

TEST_CASE("the rank test has the figures of SciPy") {
  // scipy.stats.mannwhitneyu 1.x, two-sided: method exact, and asymptotic with continuity for the larger ones.
  const RankTest five = rank_test(Values{5.14, 5.02, 5.31, 5.08, 5.22}, Values{5.66, 5.49, 5.18, 5.73, 5.61});
  CHECK(five.u == 23);
  CHECK(five.p == Approx(0.031746031746031744).epsilon(1e-12));
  const RankTest uneven =
      rank_test(Values{10.2, 9.8, 10.1, 10.0, 9.9, 10.3, 10.15}, Values{10.4, 10.05, 10.6, 10.25, 10.5});
  CHECK(uneven.u == 30);
  CHECK(uneven.p == Approx(0.04797979797979798).epsilon(1e-12));
  const RankTest ten = rank_test(Values{12.1, 11.7, 13.0, 12.4, 11.9, 12.8, 12.2, 12.6, 11.8, 12.5},
                                 Values{12.3, 12.9, 13.1, 12.7, 13.4, 12.0, 13.6, 13.2, 12.55, 13.3});
  CHECK(ten.u == 82);
  CHECK(ten.p == Approx(0.014689644720604474).epsilon(1e-12));
  Values a;
  Values b;
  for (int i = 0; i < 40; ++i) a.push_back(i * 37 % 101 / 10.0 + 1);
  for (int i = 0; i < 35; ++i) b.push_back(i * 53 % 103 / 10.0 + 2);
  CHECK(rank_test(a, b).u == 837.5);
  CHECK(rank_test(a, b).p == Approx(0.14565299185536024).epsilon(1e-9));
  a.clear();
  b.clear();
  for (int i = 0; i < 30; ++i) a.push_back(i * 7 % 11 + 1);
  for (int i = 0; i < 40; ++i) b.push_back(i * 5 % 13 + 1);
  CHECK(rank_test(a, b).u == 670.5);
  CHECK(rank_test(a, b).p == Approx(0.40459554033551604).epsilon(1e-9));
}

TEST_CASE("with too few values no data can be significant") {
  CHECK(smallest_p(5, 5) == Approx(2.0 / 252));
  CHECK(smallest_p(4, 4) == Approx(2.0 / 70));
  CHECK(smallest_p(1, 1) == 1);
  CHECK(smallest_p(0, 9) == 1);
  CHECK(rank_test(Values{1, 2, 3, 4, 5}, Values{6, 7, 8, 9, 10}).p == Approx(smallest_p(5, 5)));
}

TEST_CASE("the ratio is the median of all pairs, and its ends are order statistics of them") {
  std::mt19937_64 random(11);
  for (int trial = 0; trial < 200; ++trial) {
    const int64_t steps = trial % 2 == 0 ? 6 : int64_t{1} << 50;
    const Values a = random_values(random, 1 + random() % 12, steps);
    const Values b = random_values(random, 1 + random() % 12, steps);
    const Values all = ratios_of(a, b);
    const double middle = std::sqrt(all[(all.size() - 1) / 2] * all[all.size() / 2]);
    INFO("trial " << trial);
    CHECK(ratio_of(a, b).ratio == Approx(middle).epsilon(1e-14));
    // Which is the first and which the last that the rank test does not reject.
    const std::optional<Interval> interval = ratio_of(a, b).interval;
    CHECK(interval.has_value() == (smallest_p(static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size())) <= 0.05));
    if (interval) {
      CHECK(std::binary_search(all.begin(), all.end(), interval->low));
      CHECK(std::binary_search(all.begin(), all.end(), interval->high));
    }
  }
}

TEST_CASE("the interval of the ratio has the ends of the tables") {
  // Wilcoxon's critical values: at 95 %, 5 and 5 leave out two pairs at each end, 8 and 8 thirteen, 10 and 10
  // twenty-three.
  for (const auto& [count, left_out] :
       std::vector<std::pair<int, size_t>>{{4, 0}, {5, 2}, {8, 13}, {10, 23}, {20, 127}}) {
    Values a;
    Values b;
    for (int i = 0; i < count; ++i) {
      a.push_back(std::exp2(i));
      b.push_back(std::exp2(0.001 * std::exp2(i % 7) + i * i));
    }
    const Values all = ratios_of(a, b);
    const Interval interval = ratio_of(a, b).interval.value();
    CHECK(interval.low == all[left_out]);
    CHECK(interval.high == all[all.size() - 1 - left_out]);
  }
  CHECK_FALSE(ratio_of(Values{1, 2, 3}, Values{1, 2, 3}).interval.has_value());
}

TEST_CASE("large samples are compared in no time, by the same rules") {
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> noise(0, 0.1);
  Values a;
  Values b;
  for (int i = 0; i < 200000; ++i) {
    a.push_back(noise(random));
    b.push_back(1.1 * noise(random));
  }
  const Ratio ratio = ratio_of(a, b);  // of 4e10 pairs
  CHECK(ratio.ratio == Approx(1.1).epsilon(0.002));
  CHECK(ratio.interval->low < 1.1);
  CHECK(ratio.interval->high > 1.1);
  CHECK(ratio.interval->high - ratio.interval->low < 0.004);
  CHECK(rank_test(a, b).p < 1e-100);
  CHECK(rank_test(a, a).p == 1);
}

TEST_CASE("the approximation is close to the exact test where it takes over") {
  // scipy.stats.mannwhitneyu, method exact, of 26 and 25 values: one more than are tested exactly here.
  const std::vector<std::pair<int, double>> golden = {{0, 0.888608025701744},
                                                      {3, 0.3841331265492491},
                                                      {6, 0.06309650569869397},
                                                      {9, 0.006901698620459039},
                                                      {12, 0.0003101209093794727}};
  for (const auto& [shift, p] : golden) {
    Values a;
    Values b;
    for (int i = 0; i < 26; ++i) a.push_back(i * 37 % 101 + 0.5);
    for (int i = 0; i < 25; ++i) b.push_back(i * 53 % 101 + 3 * shift + 0.25);
    CHECK(rank_test(a, b).p == Approx(p).margin(0.004));
  }
}
