#include "experiments/timing_notes.h"

#include "experiments/repeats.h"
#include "experiments/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

namespace ringfold {
namespace {

/// The first repeat is an outlier of those after it, and slower than all: by more than so many times their spread, and
/// by so much.
/// As hyperfine: 10 standard deviations, estimated from the median absolute deviation (1.4826 of them).
constexpr double kFarOff = 14.826;
constexpr double kSlow = 1.1;
/// A clock that fell by more is not the noise of two measurements.
constexpr double kFallen = 0.95;
/// Repeats that got slower: the last third against the first, by rank test and by so much.
constexpr double kDrift = 1.05;
constexpr double kSignificant = 0.01;

double median_deviation(std::span<const double> values) {
  const double middle = median(values);
  std::vector<double> deviations;
  for (const double value : values) deviations.push_back(std::abs(value - middle));
  return median(deviations);
}

bool is_first_slow(const std::vector<double>& ms) {
  if (ms.size() < 4) return false;
  const std::span<const double> rest(ms.begin() + 1, ms.end());
  const double middle = median(rest);
  // Slower than each of the others: on a machine where any repeat may be far off, the first is nothing special.
  return ms.front() > kSlow * std::ranges::max(rest) && ms.front() - middle > kFarOff * median_deviation(rest);
}

/// By how much the last third is slower than the first; 1 if it may be chance.
double drift_of(std::span<const double> ms) {
  const size_t third = ms.size() / 3;
  if (third < 5) return 1;
  const auto first = ms.first(third);
  const auto last = ms.last(third);
  return rank_test(first, last).p < kSignificant ? median(last) / median(first) : 1;
}

}  // namespace

std::vector<std::string> timing_notes(const Measure& measure, const std::vector<double>& slowest_ms,
                                      double clock_ratio) {
  std::vector<std::string> notes;
  const bool first_is_slow = is_first_slow(slowest_ms);
  std::span<const double> rest(slowest_ms);
  if (first_is_slow) {
    rest = rest.subspan(1);
    notes.push_back(fmt::format("the first repeat is slow ({:.1f} x the median): raise measure.warmup",
                                slowest_ms.front() / median(rest)));
  }
  const double drift = drift_of(rest);
  if (clock_ratio > 0 && clock_ratio < kFallen) {
    notes.push_back(
        fmt::format("clocks fell during the repeats (a core is {:.0f} % slower after them): let the machine "
                    "cool down, or fix its clocks",
                    100 * (1 - clock_ratio)));
  } else if (drift > kDrift) {
    notes.push_back(
        fmt::format("repeats got slower as they went on (by {:.0f} %): see what else runs, or raise "
                    "measure.min_seconds until it is steady",
                    100 * (drift - 1)));
  }
  const std::vector<int64_t> off = outliers(rest);
  if (!off.empty()) {
    notes.push_back(
        fmt::format("repeats are far off ({} of {}): see what else runs on this machine", off.size(), rest.size()));
  }
  const auto width = relative_half_width(slowest_ms);
  if (measure.confidence && (!width || *width > *measure.confidence)) {
    notes.push_back(
        fmt::format("the median's interval stayed wide ({} after {} repeats): see what else runs, or "
                    "raise measure.min_seconds",
                    width ? fmt::format("±{:.1f} %", 100 * *width) : "none", slowest_ms.size()));
  }
  return notes;
}

}  // namespace ringfold
