#include "lib/compare.h"

#include "lib/dtype.h"
#include "lib/error.h"

#include <algorithm>
#include <cmath>

namespace ringfold {

namespace {

constexpr int64_t kGroupRows = 64;
constexpr size_t kMostBroken = 4;

std::string where(const QueryRow& row, int32_t rank) {
  return fmt::format("sequence {}, position {}, head {} (rank {})", row.sequence, row.position, row.head, rank);
}

void keep_worst(WorstRow& worst, double error, double bound, const QueryRow& row, int32_t rank) {
  worst.merge({std::isnan(error) ? std::numeric_limits<double>::infinity() : error, bound, row, rank});
}

}  // namespace

RowBounds row_bounds(const RowSums& sums, int64_t dim, DType input, DType output, const Accumulation& how) {
  if (sums.keys == 0) return {};
  constexpr double eps = 0x1p-24;
  const auto n = static_cast<double>(sums.keys);
  const auto d = static_cast<double>(dim);
  const double merges = std::sqrt(std::clamp(static_cast<double>(how.partials), 1.0, n) - 1);
  const double m = how.keys_per_call > 0 ? std::min(static_cast<double>(how.keys_per_call), n) : n;
  const size_t merged = merges > 0 ? 1 : 0;
  const double lse = std::abs(sums.lse);
  const double dust = sums.dust[merged];

  RowBounds bounds;
  bounds.lse =
      eps * (4 + (4 + merges) * lse + (8 + d / 16) * (sums.t + sums.h) + std::sqrt(d) * sums.a + std::sqrt(m) / 5) +
      dust;
  const double summed = std::hypot(sums.o, sums.w);  // where values cancel, what was added up is larger than O
  bounds.out = eps * ((8 + 2 * std::sqrt(m)) * summed + std::sqrt(d) * sums.b + merges * lse * (sums.o + sums.w) / 2) +
               sums.dust_v[merged] + dust * sums.o;
  bounds.out += (2 * n + 8) * smallest_step(DType::fp32) * std::sqrt(d);
  bounds.lse += sums.lse_doubt;
  bounds.out += sums.out_doubt;
  if (how.approximate_tanh) {
    bounds.lse += 0x1p-10 * sums.t;
    bounds.out += 0x1p-10 * sums.peak * sums.w;
  }
  if (input == DType::fp32) return bounds;
  const double u = unit_roundoff(input);
  const double g = output == DType::fp32 ? u * sums.w : u * summed;
  bounds.out += 1.5 * g + eps * (m / 4) * sums.o;
  if (input == DType::fp16) bounds.out += sums.f;
  if (output != DType::fp32) bounds.out += smallest_step(output) / 2 * std::sqrt(d);
  bounds.sigma = std::hypot(g / 2, eps * (m / 16) * sums.o);
  return bounds;
}

double WorstRow::ratio() const {
  if (!std::isfinite(bound)) return std::numeric_limits<double>::infinity();
  if (error == 0) return 0;
  return bound > 0 ? error / bound : std::numeric_limits<double>::infinity();
}

void WorstRow::merge(const WorstRow& other) {
  if (other.rank < 0) return;
  const double mine = ratio();
  const double others = other.ratio();
  if (rank < 0 || others > mine || (others == mine && other.row < row)) *this = other;
}

void Figures::add_broken(std::string message) {
  if (broken.size() < kMostBroken) broken.push_back(std::move(message));
}

void Figures::merge(const Figures& other) {
  output.merge(other.output);
  lse.merge(other.lse);
  out_rows_checked += other.out_rows_checked;
  lse_rows_checked += other.lse_rows_checked;
  for (const std::string& message : other.broken) add_broken(message);
  for (const auto& [key, group] : other.groups) {
    groups[key].squares += group.squares;
    groups[key].rows += group.rows;
  }
}

namespace {

void compare_out(const ReferenceRow& reference, const RowBounds& bounds, const QueryRow& row, int32_t rank,
                 const float* out, int64_t group, Figures& figures) {
  ++figures.out_rows_checked;
  if (reference.sums.keys == 0) {
    const bool zero = std::all_of(out, out + reference.out.size(), [](float value) { return value == 0; });
    if (!zero) figures.add_broken(fmt::format("output of {} sees no key and must be 0", where(row, rank)));
    return;
  }
  double squares = 0;
  for (size_t c = 0; c < reference.out.size(); ++c) {
    const double difference = static_cast<double>(out[c]) - reference.out[c];
    squares += difference * difference;
  }
  keep_worst(figures.output, std::sqrt(squares), bounds.out, row, rank);
  if (group < 0 || bounds.sigma == 0) return;
  RmsGroup& sum = figures.groups[{row.head, group}];
  sum.squares += squares / (bounds.sigma * bounds.sigma);
  ++sum.rows;
}

void compare_lse(const ReferenceRow& reference, const RowBounds& bounds, const QueryRow& row, int32_t rank, float lse,
                 Figures& figures) {
  ++figures.lse_rows_checked;
  if (reference.sums.keys > 0) {
    keep_worst(figures.lse, std::abs(static_cast<double>(lse) - reference.sums.lse), bounds.lse, row, rank);
  } else if (lse != -std::numeric_limits<float>::infinity()) {
    figures.add_broken(fmt::format("lse of {} sees no key and must be -inf, not {}", where(row, rank), lse));
  }
}

}  // namespace

void compare_row(const ReferenceRow& reference, const RowBounds& bounds, const QueryRow& row, int32_t rank,
                 const float* out, std::optional<float> lse, int64_t group, Figures& figures) {
  if (out != nullptr) compare_out(reference, bounds, row, rank, out, group, figures);
  if (lse) compare_lse(reference, bounds, row, rank, *lse, figures);
}

WorstRms worst_rms(const Figures& figures) {
  WorstRms worst;
  std::map<int64_t, RmsGroup> heads;
  RmsGroup rest;
  // Judges a group of enough rows; adds a smaller one to the pool.
  const auto judge = [&](const RmsGroup& group, RmsGroup& pool, const std::string& where) {
    if (group.rows < kGroupRows) {
      pool.squares += group.squares;
      pool.rows += group.rows;
      return;
    }
    const double rms = std::sqrt(group.squares / static_cast<double>(group.rows));
    if (!(rms <= worst.rms)) worst = {rms, group.rows, where};
  };
  for (const auto& [key, group] : figures.groups) {
    judge(group, heads[key.first], fmt::format("head {}, block {} of checked rows", key.first, key.second));
  }
  for (const auto& [head, group] : heads) judge(group, rest, fmt::format("head {}", head));
  RmsGroup nothing;
  judge(rest, nothing, "all heads");
  return worst;
}

namespace {

std::string failure_of_row(const WorstRow& worst, std::string_view what) {
  if (worst.rank < 0 || worst.passed()) return {};
  return fmt::format("{} of {} is off by {:.3g}, bound {:.3g}", what, where(worst.row, worst.rank), worst.error,
                     worst.bound);
}

}  // namespace

std::string failure_of(const Figures& figures) {
  if (!figures.broken.empty()) return figures.broken.front();
  std::string failure = failure_of_row(figures.output, "output");
  if (failure.empty()) failure = failure_of_row(figures.lse, "lse");
  if (!failure.empty()) return failure;
  const WorstRms worst = worst_rms(figures);
  if (worst.rms <= 1) return {};
  return fmt::format("output of {}: the rms error of {} rows is {:.3g} times what the dtype allows", worst.where,
                     worst.rows, worst.rms);
}

}  // namespace ringfold
