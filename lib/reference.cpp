#include "lib/reference.h"

#include <algorithm>
#include <cmath>

namespace ringfold {

namespace {

/// to[i] += sum over f of factors[f] * from[f * stride + i], four rows at a time so that `to` is seldom moved.
void add_rows(const double* factors, int64_t rows, const double* from, int64_t stride, double* __restrict to,
              int64_t count) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const double f0 = factors[r], f1 = factors[r + 1], f2 = factors[r + 2], f3 = factors[r + 3];
    const double* row = from + r * stride;
    for (int64_t i = 0; i < count; ++i) {
      to[i] += (f0 * row[i] + f1 * row[stride + i]) + (f2 * row[2 * stride + i] + f3 * row[3 * stride + i]);
    }
  }
  for (; r < rows; ++r) {
    for (int64_t i = 0; i < count; ++i) to[i] += factors[r] * from[r * stride + i];
  }
}

}  // namespace

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
    inputs.read_rotated(InputTensor::k, {sequence, j, j + 1}, kv_head, k.data());
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
    if (!inputs.problem().layer) continue;
    key_doubts_.push_back(inputs.row_doubt(InputTensor::k, sequence, j, kv_head));
    value_doubts_.push_back(inputs.row_doubt(InputTensor::v, sequence, j, kv_head));
  }
}

void HeadReference::attend(const QueryRow& row, ReferenceRow& answer) const {
  const double scale = inputs_.problem().softmax_scale();
  const TokenRange keys = visible_keys(inputs_.problem(), row.sequence, row.position);
  answer.out.assign(static_cast<size_t>(dim_), 0.0);
  answer.sums = {};
  if (keys.size() <= 0) return;
  std::vector<float> q(static_cast<size_t>(dim_));
  inputs_.read_rotated(InputTensor::q, {row.sequence, row.position, row.position + 1}, row.head, q.data());
  std::vector<double> scaled(q.begin(), q.end());
  for (double& qc : scaled) qc *= scale;

  std::vector<double> logits(static_cast<size_t>(keys.size()), 0.0);
  constexpr int64_t kBlock = 512;  // logits of a block stay in the first cache while all channels are added
  for (int64_t begin = 0; begin < keys.size(); begin += kBlock) {
    const int64_t size = std::min(kBlock, keys.size() - begin);
    add_rows(scaled.data(), dim_, keys_.data() + keys.begin + begin, length_, logits.data() + begin, size);
  }

  if (const auto& cap = inputs_.problem().softcap) {
    for (double& t : logits) t = *cap * std::tanh(t / *cap);
  }

  RowSums& sums = answer.sums;
  const double highest = *std::max_element(logits.begin(), logits.end());
  double total = 0, qq = 0, h = 0;
  for (double& t : logits) {
    const double weight = std::exp(t - highest);
    total += weight;
    sums.t += weight * std::abs(t);
    sums.peak = std::max(sums.peak, std::abs(t));
    t = weight;
  }
  for (double& weight : logits) weight /= total;
  for (int64_t c = 0; c < dim_; ++c) {
    const double qc = q[static_cast<size_t>(c)];
    qq += qc * qc;
    h += qc * qc * mean_squares_[static_cast<size_t>(c)];
  }
  sums.keys = keys.size();
  sums.lse = highest + std::log(total);
  sums.h = scale * std::sqrt(h);
  sums.a = sums.b = scale * std::sqrt(qq);
  sums.t /= total;
  add_values(keys, logits, answer);
  if (!key_doubts_.empty()) add_doubts(row, std::sqrt(qq), keys, logits, sums);
}

void HeadReference::add_doubts(const QueryRow& row, double q_norm, const TokenRange& keys,
                               const std::vector<double>& weights, RowSums& sums) const {
  const double scale = inputs_.problem().softmax_scale();
  const double q_doubt = inputs_.row_doubt(InputTensor::q, row.sequence, row.position, row.head);
  double pk = 0, pkk = 0, pvv = 0, dk = 0, dkv = 0, dv = 0;
  for (int64_t j = 0; j < keys.size(); ++j) {
    const auto key = static_cast<size_t>(keys.begin + j);
    const double p = weights[static_cast<size_t>(j)];
    const double logit_doubt = p * (q_norm + q_doubt) * key_doubts_[key];
    pk += p * key_norms_[key];
    pkk += p * key_norms_[key] * key_norms_[key];
    pvv += p * value_norms_[key] * value_norms_[key];
    dk += logit_doubt * logit_doubt;
    dkv += std::pow(logit_doubt * (value_norms_[key] + sums.o), 2);
    dv += std::pow(p * value_doubts_[key], 2);
  }
  const double spread = std::sqrt(std::max(pvv - sums.o * sums.o, 0.0));
  sums.lse_doubt = scale * (q_doubt * pk + 2 * std::sqrt(dk));
  sums.out_doubt = scale * (q_doubt * std::sqrt(pkk) * spread + 2 * std::sqrt(dkv)) + 2 * std::sqrt(dv);
}

void HeadReference::add_values(const TokenRange& keys, const std::vector<double>& weights, ReferenceRow& answer) const {
  RowSums& sums = answer.sums;
  add_rows(weights.data(), keys.size(), values_.data() + keys.begin * dim_, dim_, answer.out.data(), dim_);
  const double highest = *std::max_element(weights.begin(), weights.end());
  const double theta[2] = {dust_threshold(sums, false), dust_threshold(sums, true)};
  double pv = 0, pk = 0, pkv = 0, oo = 0;
  for (int64_t j = 0; j < keys.size(); ++j) {
    const double p = weights[static_cast<size_t>(j)];
    const double k_norm = key_norms_[static_cast<size_t>(keys.begin + j)];
    const double v_norm = value_norms_[static_cast<size_t>(keys.begin + j)];
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
