#include "lib/reference.h"

#include <algorithm>
#include <cmath>

namespace ringfold {

HeadReference::HeadReference(const InputSource& inputs, int64_t sequence, int64_t kv_head)
    : inputs_(inputs),
      length_(inputs.problem().sequences[static_cast<size_t>(sequence)].length()),
      dim_(inputs.problem().heads.dim),
      keys_(static_cast<size_t>(length_ * dim_)),
      values_(keys_.size()),
      key_norms_(static_cast<size_t>(length_)),
      value_norms_(static_cast<size_t>(length_)),
      mean_squares_(static_cast<size_t>(dim_)) {
  std::vector<float> k(static_cast<size_t>(dim_)), v(static_cast<size_t>(dim_));
  for (int64_t j = 0; j < length_; ++j) {
    inputs.read(InputTensor::k, {sequence, j, j + 1}, kv_head, k.data());
    inputs.read(InputTensor::v, {sequence, j, j + 1}, kv_head, v.data());
    double kk = 0, vv = 0;
    for (int64_t c = 0; c < dim_; ++c) {
      const double kc = k[static_cast<size_t>(c)], vc = v[static_cast<size_t>(c)];
      keys_[static_cast<size_t>(c * length_ + j)] = kc;
      values_[static_cast<size_t>(j * dim_ + c)] = vc;
      mean_squares_[static_cast<size_t>(c)] += kc * kc / static_cast<double>(length_);
      kk += kc * kc;
      vv += vc * vc;
    }
    key_norms_[static_cast<size_t>(j)] = std::sqrt(kk);
    value_norms_[static_cast<size_t>(j)] = std::sqrt(vv);
  }
}

void HeadReference::attend(const QueryRow& row, ReferenceRow& answer) const {
  const double scale = inputs_.problem().softmax_scale();
  const TokenRange keys = visible_keys(inputs_.problem(), row.sequence, row.position);
  answer.out.assign(static_cast<size_t>(dim_), 0.0);
  answer.sums = {};
  if (keys.size() <= 0) return;
  std::vector<float> q(static_cast<size_t>(dim_));
  inputs_.read(InputTensor::q, {row.sequence, row.position, row.position + 1}, row.head, q.data());

  constexpr int64_t kBlock = 512;  // logits of a block stay in the first cache while all channels are added
  std::vector<double> logits(static_cast<size_t>(keys.size()), 0.0);
  for (int64_t begin = 0; begin < keys.size(); begin += kBlock) {
    const int64_t size = std::min(kBlock, keys.size() - begin);
    double* t = logits.data() + begin;
    for (int64_t c = 0; c < dim_; ++c) {
      const double qc = scale * static_cast<double>(q[static_cast<size_t>(c)]);
      const double* k = keys_.data() + c * length_ + keys.begin + begin;
      for (int64_t j = 0; j < size; ++j) t[j] += qc * k[j];
    }
  }

  RowSums& sums = answer.sums;
  const double highest = *std::max_element(logits.begin(), logits.end());
  double total = 0, qq = 0, h = 0;
  for (double t : logits) total += std::exp(t - highest);
  for (int64_t c = 0; c < dim_; ++c) {
    const double qc = q[static_cast<size_t>(c)];
    qq += qc * qc;
    h += qc * qc * mean_squares_[static_cast<size_t>(c)];
  }
  sums.keys = keys.size();
  sums.lse = highest + std::log(total);
  sums.h = scale * std::sqrt(h);
  sums.a = sums.b = scale * std::sqrt(qq);
  for (double& t : logits) {
    const double p = std::exp(t - highest) / total;
    sums.t += p * std::abs(t);
    t = p;
  }
  add_values(keys, logits, answer);
}

void HeadReference::add_values(const TokenRange& keys, const std::vector<double>& weights, ReferenceRow& answer) const {
  RowSums& sums = answer.sums;
  double* out = answer.out.data();
  const double highest = *std::max_element(weights.begin(), weights.end());
  const double theta[2] = {dust_threshold(sums, false), dust_threshold(sums, true)};
  double pv = 0, pk = 0, pkv = 0, oo = 0;
  for (int64_t j = 0; j < keys.size(); ++j) {
    const double p = weights[static_cast<size_t>(j)];
    const double k_norm = key_norms_[static_cast<size_t>(keys.begin + j)];
    const double v_norm = value_norms_[static_cast<size_t>(keys.begin + j)];
    const double* v = values_.data() + (keys.begin + j) * dim_;
    for (int64_t c = 0; c < dim_; ++c) out[c] += p * v[c];
    pv += p * p * v_norm * v_norm;
    pk += p * p * k_norm * k_norm;
    pkv += p * p * k_norm * k_norm * v_norm * v_norm;
    sums.f += std::min(p, 0x1p-25 * highest) * v_norm;
    for (int merged = 0; merged < 2; ++merged) {
      if (p >= theta[merged]) continue;
      sums.dust[merged] += p;
      sums.dust_v[merged] += p * v_norm;
    }
  }
  for (double value : answer.out) oo += value * value;
  sums.o = std::sqrt(oo);
  sums.w = std::sqrt(pv);
  sums.a *= std::sqrt(pk);
  sums.b *= std::sqrt(pkv);
}

}  // namespace ringfold
