#include "experiments/comparison.h"

#include <fmt/format.h>

namespace ringfold {
namespace {

std::string reason_of(const Comparison& comparison, int64_t repeats_a, int64_t repeats_b, const Criterion& criterion) {
  if (!can_decide(repeats_a, repeats_b, criterion)) {
    int64_t enough = 1;
    while (!can_decide(enough, enough, criterion)) ++enough;
    return fmt::format("too few repeats: {} and {} decide nothing, it takes {} at least", repeats_a, repeats_b, enough);
  }
  if (comparison.p <= criterion.significance) return "a difference that may be below the noise floor";
  return "the repeats scatter too much for their number";
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::same: return "same";
    case Verdict::faster: return "faster";
    case Verdict::slower: return "slower";
    case Verdict::cannot_tell: return "cannot tell";
  }
  return "?";
}

Comparison compare_times(std::span<const double> a, std::span<const double> b, const Criterion& criterion) {
  Comparison comparison;
  comparison.ratio = ratio_of(a, b, criterion.confidence);
  comparison.p = rank_test(a, b).p / 2;
  const double most = 1 + criterion.noise_floor;
  const std::optional<Interval>& interval = comparison.ratio.interval;
  if (comparison.p <= criterion.significance && comparison.ratio.ratio > most) {
    comparison.verdict = Verdict::slower;
  } else if (comparison.p <= criterion.significance && comparison.ratio.ratio < 1 / most) {
    comparison.verdict = Verdict::faster;
  } else if (interval && interval->low >= 1 / most && interval->high <= most) {
    comparison.verdict = Verdict::same;
  } else {
    comparison.reason =
        reason_of(comparison, static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size()), criterion);
  }
  return comparison;
}

bool can_decide(int64_t repeats_a, int64_t repeats_b, const Criterion& criterion) {
  return smallest_p(repeats_a, repeats_b) / 2 <= criterion.significance;
}

}  // namespace ringfold
