// A plain double loop over one row's keys, and the bound that docs/numerics.md derives from the same sums. The terms
// for 16-bit arithmetic are left out: our kernels compute in fp32 whatever the storage.
#include "lib/compare.h"
#include "tests/kernels/attend_case.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace ringfold::testing {

namespace {

struct Key {
  int64_t position = 0;
  std::vector<double> k;
  std::vector<double> v;
  double logit = 0.0;
  double weight = 0.0;
};

struct Row {
  std::vector<double> o;
  double lse = -std::numeric_limits<double>::infinity();
  double o_bound = 0.0;
  double lse_bound = 0.0;
};

double norm(const std::vector<double>& values) {
  double sum = 0.0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}

std::vector<double> doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }

std::vector<Key> keys_of(const AttendCase& input, int64_t sequence, int64_t kv_head) {
  std::vector<Key> keys;
  for (const TokenSet& piece : input.kv) {
    for (const TokenRange& range : piece.ranges()) {
      if (range.sequence != sequence) continue;
      for (int64_t p = range.begin; p < range.end; ++p) {
        keys.push_back({p, doubles(input_row(input, Role::key, sequence, p, kv_head)),
                        doubles(input_row(input, Role::value, sequence, p, kv_head))});
      }
    }
  }
  return keys;
}

void set_bounds(const std::vector<double>& q, const std::vector<Key>& keys, double scale, int64_t states, Row& row) {
  RowSums sums;
  sums.keys = std::ssize(keys);
  sums.lse = row.lse;
  sums.o = norm(row.o);
  double w = 0, h = 0, a = 0, b = 0;
  const double dust[] = {dust_threshold(sums, false), dust_threshold(sums, true)};
  for (const Key& key : keys) {
    const double p2 = key.weight * key.weight, k2 = std::pow(norm(key.k), 2), v2 = std::pow(norm(key.v), 2);
    w += p2 * v2;
    sums.t += key.weight * std::abs(key.logit);
    a += p2 * k2;
    b += p2 * k2 * v2;
    for (const size_t merged : {0, 1}) {
      if (key.weight >= dust[merged]) continue;
      sums.dust[merged] += key.weight;
      sums.dust_v[merged] += key.weight * std::sqrt(v2);
    }
    for (size_t c = 0; c < q.size(); ++c) h += q[c] * q[c] * key.k[c] * key.k[c] / static_cast<double>(keys.size());
  }
  sums.w = std::sqrt(w);
  sums.h = scale * std::sqrt(h);
  sums.a = scale * norm(q) * std::sqrt(a);
  sums.b = scale * norm(q) * std::sqrt(b);
  const RowBounds bounds = row_bounds(sums, std::ssize(q), DType::fp32, DType::fp32, {states, 0});
  row.o_bound = bounds.out;
  row.lse_bound = bounds.lse;
}

Row expected(const AttendCase& input, int64_t sequence, int64_t position, int64_t head, const std::vector<Key>& all,
             int64_t states) {
  Row row;
  row.o.assign(static_cast<size_t>(input.heads.dim), 0.0);
  const std::vector<double> q = doubles(input_row(input, Role::query, sequence, position, head));
  std::vector<Key> keys;
  for (const Key& key : all) {
    if (visible(input.mask, position, key.position)) keys.push_back(key);
  }
  if (keys.empty()) return row;
  double largest = -std::numeric_limits<double>::infinity();
  for (Key& key : keys) {
    for (size_t c = 0; c < q.size(); ++c) key.logit += input.scale() * q[c] * key.k[c];
    if (input.softcap > 0) key.logit = input.softcap * std::tanh(key.logit / input.softcap);
    largest = std::max(largest, key.logit);
  }
  double total = 0.0;
  for (const Key& key : keys) total += std::exp(key.logit - largest);
  row.lse = largest + std::log(total);
  for (Key& key : keys) {
    key.weight = std::exp(key.logit - row.lse);
    for (size_t c = 0; c < q.size(); ++c) row.o[c] += key.weight * key.v[c];
  }
  set_bounds(q, keys, input.scale(), states, row);
  return row;
}

double ratio(const Row& row, const float* o, float lse) {
  const bool empty = std::isinf(row.lse);
  std::vector<double> difference;
  for (size_t c = 0; c < row.o.size(); ++c) difference.push_back(static_cast<double>(o[c]) - row.o[c]);
  if (empty && norm(difference) == 0.0 && static_cast<double>(lse) == row.lse) return 0.0;
  const double worst =
      std::max(std::abs(static_cast<double>(lse) - row.lse) / row.lse_bound, norm(difference) / row.o_bound);
  // A NaN compares as no error at all.
  return empty || std::isnan(worst) ? std::numeric_limits<double>::infinity() : worst;
}

}  // namespace

double worst_ratio(const AttendCase& input, const AttendResult& result, int64_t merged_states) {
  double worst = 0.0;
  size_t index = 0;
  const size_t dim = static_cast<size_t>(input.heads.dim);
  for (int64_t head = input.query_heads.begin; head < input.query_heads.end; ++head) {
    for (const TokenRange& range : input.queries.ranges()) {
      const std::vector<Key> keys = keys_of(input, range.sequence, head / input.heads.group());
      for (int64_t p = range.begin; p < range.end; ++p, ++index) {
        const Row row = expected(input, range.sequence, p, head, keys, merged_states);
        worst = std::max(worst, ratio(row, result.o.data() + index * dim, result.lse[index]));
      }
    }
  }
  return worst;
}

std::string describe(const AttendCase& input) {
  std::string pieces;
  for (const TokenSet& piece : input.kv) pieces += " | " + to_string(piece);
  return fmt::format("{} {} heads {} of {}:{} dim {} softcap {} pages of {} queries {} keys{}", to_string(input.dtype),
                     to_string(input.mask), to_string(input.query_heads), input.heads.query, input.heads.kv,
                     input.heads.dim, input.softcap, input.page_size, to_string(input.queries), pieces);
}

}  // namespace ringfold::testing
