#include "experiments/repeats.h"

#include "experiments/statistics.h"
#include "lib/error.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace ringfold {
namespace {

/// What an interval that stays wide may cost.
constexpr double kMostSeconds = 60;
constexpr int64_t kMostRounds = 10'000;
/// Intervals are looked at in rounds that are multiples of this: to look costs, and so often looked for luck is found.
constexpr int64_t kRoundsALook = 5;

}  // namespace

Repeats::Repeats(const Measure& measure, size_t cases) : measure_(measure), cases_(cases) {}

void Repeats::add(const std::vector<std::optional<double>>& round_ms) {
  RINGFOLD_INVARIANT(round_ms.size() == cases_.size(), "times of {} cases, not {}", round_ms.size(), cases_.size());
  ++rounds_;
  for (size_t i = 0; i < cases_.size(); ++i) {
    cases_[i].has_failed = cases_[i].has_failed || !round_ms[i];
    if (!round_ms[i]) continue;
    cases_[i].ms.push_back(*round_ms[i]);
    cases_[i].seconds += 1e-3 * *round_ms[i];
  }
}

bool Repeats::is_enough(const Times& times) const {
  if (times.has_failed) return true;
  if (times.seconds < measure_.min_seconds) return false;
  if (!measure_.confidence || times.seconds >= std::max(kMostSeconds, measure_.min_seconds)) return true;
  if (rounds_ % kRoundsALook != 0) return false;
  const std::optional<double> width = relative_half_width(times.ms);
  return width && *width <= *measure_.confidence;
}

bool Repeats::are_enough() const {
  if (rounds_ < measure_.repeats) return false;
  if (rounds_ >= std::max(measure_.repeats, kMostRounds)) return true;
  return std::ranges::all_of(cases_, [&](const Times& times) { return is_enough(times); });
}

std::optional<double> relative_half_width(const std::vector<double>& ms) {
  const auto interval = median_interval(ms, 0.95);
  if (!interval) return std::nullopt;
  return (interval->high - interval->low) / 2 / median(ms);
}

std::vector<size_t> round_order(uint64_t seed, int64_t round, size_t cases) {
  std::vector<size_t> order(cases);
  std::iota(order.begin(), order.end(), size_t{0});
  // Not std::shuffle: its result differs from library to library.
  std::seed_seq seeds{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), static_cast<uint32_t>(round)};
  std::mt19937_64 random(seeds);
  for (size_t i = cases; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

}  // namespace ringfold
