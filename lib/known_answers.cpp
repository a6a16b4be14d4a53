#include "lib/inputs.h"

#include <algorithm>
#include <cmath>

namespace ringfold {

namespace {

/// Positions below `end` whose field (position >> shift) & mask is `value`; mask is a row of ones.
int64_t positions_below(int64_t end, int shift, int64_t mask, int64_t value) {
  const int width = count_ones(static_cast<uint64_t>(mask));
  const int64_t periods = end >> shift >> width;
  const int64_t rest = end - (periods << width << shift);
  return (periods << shift) + std::clamp<int64_t>(rest - (value << shift), 0, int64_t{1} << shift);
}

/// All weights are 1 / n, and V repeats itself, so O and the sums are counts of positions.
void answer_count(const InputRecipe& recipe, const InputRow& v_row, const TokenRange& keys, ReferenceRow& answer) {
  const auto n = static_cast<double>(keys.size());
  double squares = 0;
  double norm = 0;
  for (int64_t c = 0; c < recipe.dim; ++c) {
    const CountChannel channel = count_channel(recipe.dim, v_row.head_key, v_row.position_bits, c);
    double sum = 0;
    double sum_squares = 0;
    // A hot channel has one field with a value; a staircase all of them.
    const bool staircase = channel.hot < 0;
    const int64_t first = staircase ? 0 : channel.hot ^ channel.flip;
    const int64_t last = staircase ? channel.mask : first;
    for (int64_t field = first; field <= last; ++field) {
      const double value = static_cast<double>(count_value(channel, field)) / 128;
      const auto times = static_cast<double>(positions_below(keys.end, channel.shift, channel.mask, field) -
                                             positions_below(keys.begin, channel.shift, channel.mask, field));
      sum += times * value;
      sum_squares += times * value * value;
    }
    answer.out[static_cast<size_t>(c)] = sum / n;
    norm += sum / n * (sum / n);
    squares += sum_squares;
  }
  RowSums& sums = answer.sums;
  sums.lse = std::log(n);
  sums.o = std::sqrt(norm);
  sums.w = std::sqrt(squares) / n;
  // The mean of |v| would need the channels' joint distribution; its root mean square is barely larger.
  const double v_norm = std::sqrt(squares / n);
  sums.f = 0x1p-25 * v_norm;
  for (int merged = 0; merged < 2; ++merged) {
    if (1 / n < dust_threshold(sums, merged == 1)) {
      sums.dust[merged] = 1;
      sums.dust_v[merged] = v_norm;
    }
  }
}

/// One key has all the weight; the others together have less than 1e-6 and only their dust is known.
void answer_needle(const GeneratedInputs& inputs, const QueryRow& row, const InputRow& q_row, ReferenceRow& answer) {
  const Problem& problem = inputs.problem();
  const int64_t dim = problem.heads.dim;
  const int64_t kv_head = row.head / problem.heads.group();
  const int64_t target = q_row.aim.target;
  const int64_t length = problem.sequences[static_cast<size_t>(row.sequence)].length();
  std::vector<float> rows(static_cast<size_t>(3 * dim));
  const float* q = rows.data();
  const float* k = q + dim;
  const float* v = k + dim;
  inputs.read(InputTensor::q, {row.sequence, row.position, row.position + 1}, row.head, rows.data());
  inputs.read(InputTensor::k, {row.sequence, target, target + 1}, kv_head, rows.data() + dim);
  inputs.read(InputTensor::v, {row.sequence, target, target + 1}, kv_head, rows.data() + 2 * dim);
  double dot = 0, qq = 0, kk = 0, vv = 0, spread = 0;
  const double key = static_cast<double>(inputs.recipe().needle.key);
  for (int64_t c = 0; c < dim; ++c) {
    const double qc = q[c], kc = k[c], vc = v[c];
    answer.out[static_cast<size_t>(c)] = vc;
    dot += qc * kc;
    qq += qc * qc;
    kk += kc * kc;
    vv += vc * vc;
    if (qc == 0) continue;
    // Keys of the head that have a value on this channel.
    double share = 1;
    if (q_row.code.one_hot) {
      const auto index = static_cast<int>(c >> q_row.code.digit_bits);
      const int64_t all = (int64_t{1} << q_row.code.digit_bits) - 1;
      const int64_t value = (c & all) ^ (static_cast<int64_t>(element_bits(q_row.head_key, index)) & all);
      share = static_cast<double>(positions_below(length, q_row.code.digit_bits * index, all, value)) /
              static_cast<double>(length);
    }
    spread += qc * qc * key * key * share;
  }
  const double scale = problem.softmax_scale();
  RowSums& sums = answer.sums;
  sums.lse = scale * dot;
  sums.o = sums.w = std::sqrt(vv);
  sums.t = std::abs(sums.lse);
  sums.h = scale * std::sqrt(spread);
  sums.a = scale * std::sqrt(qq * kk);
  sums.b = sums.a * sums.o;
  sums.f = 0x1p-25 * sums.o;
}

}  // namespace

double dust_threshold(const RowSums& sums, bool merged) {
  if (!merged) return 0x1p-23;
  return 0x1p-23 * std::max(1.0, 64 * std::abs(sums.lse) / static_cast<double>(sums.keys));
}

bool GeneratedInputs::known_answer(const QueryRow& row, ReferenceRow& answer) const {
  const bool count = recipe_.kind == InputKind::count;
  if (!count && recipe_.kind != InputKind::needle) return false;
  const InputRow q_row = this->row(InputTensor::q, row.sequence, row.position, row.head);
  const bool is_plain = !problem().softcap && !problem().rope;
  if (!count && (q_row.code.dropped_bits > 0 || recipe_.needle.key == 0 || !is_plain)) return false;
  const TokenRange keys = visible_keys(problem(), row.sequence, row.position);
  answer.out.assign(static_cast<size_t>(recipe_.dim), 0.0);
  answer.sums = {};
  answer.sums.keys = std::max<int64_t>(0, keys.size());
  if (keys.size() <= 0) return true;
  if (count) {
    const int64_t kv_head = row.head / problem().heads.group();
    answer_count(recipe_, this->row(InputTensor::v, row.sequence, 0, kv_head), keys, answer);
  } else {
    answer_needle(*this, row, q_row, answer);
  }
  return true;
}

}  // namespace ringfold
