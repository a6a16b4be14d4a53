#include "tests/lib/streaming_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ringfold {

namespace {

using Real = long double;

Real norm(const std::vector<float>& row) {
  Real squares = 0;
  for (float value : row) squares += static_cast<Real>(value) * static_cast<Real>(value);
  return std::sqrt(squares);
}

/// Mean over all tokens of the sequence of sum over channels of (q_c k_c)^2.
Real mean_spread(const InputSource& inputs, const QueryRow& row, const std::vector<float>& q) {
  const Problem& problem = inputs.problem();
  const int64_t length = problem.sequences[static_cast<size_t>(row.sequence)].length();
  std::vector<float> k(q.size());
  Real sum = 0;
  for (int64_t j = 0; j < length; ++j) {
    inputs.read_rotated(InputTensor::k, {row.sequence, j, j + 1}, row.head / problem.heads.group(), k.data());
    for (size_t c = 0; c < q.size(); ++c) sum += std::pow(static_cast<Real>(q[c]) * static_cast<Real>(k[c]), 2);
  }
  return sum / static_cast<Real>(length);
}

}  // namespace

ReferenceRow streaming_reference(const InputSource& inputs, const QueryRow& row) {
  const Problem& problem = inputs.problem();
  const auto dim = static_cast<size_t>(problem.heads.dim);
  const Real scale = problem.softmax_scale();
  const int64_t kv_head = row.head / problem.heads.group();
  const TokenRange keys = visible_keys(problem, row.sequence, row.position);
  std::vector<float> q(dim), k(dim), v(dim);
  inputs.read_rotated(InputTensor::q, {row.sequence, row.position, row.position + 1}, row.head, q.data());

  Real highest = -std::numeric_limits<Real>::infinity();
  Real total = 0, t_sum = 0, peak = 0, w = 0, a = 0, b = 0;
  std::vector<Real> out(dim, 0), weights, norms;
  for (int64_t j = keys.end - 1; j >= keys.begin; --j) {
    inputs.read_rotated(InputTensor::k, {row.sequence, j, j + 1}, kv_head, k.data());
    inputs.read(InputTensor::v, {row.sequence, j, j + 1}, kv_head, v.data());
    Real t = 0;
    for (size_t c = 0; c < dim; ++c) t += static_cast<Real>(q[c]) * static_cast<Real>(k[c]);
    t *= scale;
    if (problem.softcap) {
      const Real doubled = std::expm1(2 * t / static_cast<Real>(*problem.softcap));
      t = static_cast<Real>(*problem.softcap) * doubled / (doubled + 2);
    }
    peak = std::max(peak, std::abs(t));
    const Real raised = std::max(highest, t);
    const Real fade = std::exp(highest - raised);
    const Real weight = std::exp(t - raised);
    highest = raised;
    total = total * fade + weight;
    t_sum = t_sum * fade + weight * std::abs(t);
    for (size_t c = 0; c < dim; ++c) out[c] = out[c] * fade + weight * static_cast<Real>(v[c]);
    w = w * fade * fade + std::pow(weight * norm(v), 2);
    a = a * fade * fade + std::pow(weight * norm(k), 2);
    b = b * fade * fade + std::pow(weight * norm(k) * norm(v), 2);
    weights.push_back(t);
    norms.push_back(norm(v));
  }
  ReferenceRow answer;
  answer.out.assign(dim, 0.0);
  if (keys.size() <= 0) return answer;
  Real squares = 0;
  for (size_t c = 0; c < dim; ++c) {
    answer.out[c] = static_cast<double>(out[c] / total);
    squares += std::pow(out[c] / total, 2);
  }
  RowSums& sums = answer.sums;
  const Real reach = scale * norm(q);
  sums.keys = keys.size();
  sums.lse = static_cast<double>(highest + std::log(total));
  sums.o = static_cast<double>(std::sqrt(squares));
  sums.w = static_cast<double>(std::sqrt(w) / total);
  sums.t = static_cast<double>(t_sum / total);
  sums.peak = static_cast<double>(peak);
  sums.h = static_cast<double>(scale * std::sqrt(mean_spread(inputs, row, q)));
  sums.a = static_cast<double>(reach * std::sqrt(a) / total);
  sums.b = static_cast<double>(reach * std::sqrt(b) / total);
  for (size_t j = 0; j < weights.size(); ++j) {
    const Real p = std::exp(weights[j] - highest) / total;
    sums.f += static_cast<double>(std::min(p, 0x1p-25L / total) * norms[j]);
    for (int merged = 0; merged < 2; ++merged) {
      const double theta = 0x1p-23 * (merged == 0 ? 1 : std::max(1.0, 64 * std::abs(sums.lse) / sums.keys));
      if (p >= theta) continue;
      sums.dust[merged] += static_cast<double>(p);
      sums.dust_v[merged] += static_cast<double>(p * norms[j]);
    }
  }
  return answer;
}

}  // namespace ringfold
