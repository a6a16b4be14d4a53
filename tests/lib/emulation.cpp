#include "tests/lib/emulation.h"

#include "lib/dtype.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace ringfold {

namespace {

constexpr float kEmpty = -std::numeric_limits<float>::infinity();

struct HeadData {
  std::vector<float> k, v;  // [token][dim]
};

/// A key as it is seen: where its K and its V are read.
struct Slot {
  const float* k;
  const float* v;
};

struct State {
  std::vector<float> o;
  float lse = kEmpty;
};

class Emulator {
 public:
  Emulator(const InputSource& inputs, const Emulation& how)
      : inputs_(inputs),
        problem_(inputs.problem()),
        how_(how),
        dim_(problem_.heads.dim),
        zeros_(static_cast<size_t>(dim_)) {
    for (size_t s = 0; s < problem_.sequences.size(); ++s) {
      for (int64_t head = 0; head < problem_.heads.kv; ++head) heads_.push_back(load(static_cast<int64_t>(s), head));
    }
  }

  State row(QueryRow row) const {
    if (how_.fault == Fault::query_head_wrong) row.head = (row.head + 1) % problem_.heads.query;
    if (how_.fault == Fault::rows_shifted) {
      row.position = std::max(row.position - 1, problem_.sequences[static_cast<size_t>(row.sequence)].cached);
    }
    std::vector<float> q(static_cast<size_t>(dim_));
    inputs_.read(InputTensor::q, {row.sequence, row.position, row.position + 1}, row.head, q.data());
    State state{zeros_, kEmpty};
    for (int64_t block = 0; block < how_.blocks; ++block) {
      const State part = attend(q, slots(row, block));
      state = block == 0 ? part : merge(state, part);
      if (block == how_.blocks / 2 && how_.fault == Fault::block_doubled) state = merge(state, part);
    }
    if (how_.fault == Fault::lse_in_base_2) state.lse *= 1.44269504f;
    if (how_.fault == Fault::output_is_zero) state.o = zeros_;
    return state;
  }

 private:
  HeadData load(int64_t sequence, int64_t head) const {
    const int64_t length = problem_.sequences[static_cast<size_t>(sequence)].length();
    HeadData data{std::vector<float>(static_cast<size_t>(length * dim_)), {}};
    data.v = data.k;
    inputs_.read(InputTensor::k, {sequence, 0, length}, head, data.k.data());
    inputs_.read(InputTensor::v, {sequence, 0, length}, head, data.v.data());
    return data;
  }

  const HeadData& head_data(int64_t sequence, int64_t kv_head) const {
    return heads_[static_cast<size_t>(sequence * problem_.heads.kv + kv_head)];
  }

  TokenRange visible(const QueryRow& row) const {
    const Sequence& sequence = problem_.sequences[static_cast<size_t>(row.sequence)];
    TokenRange keys = visible_keys(problem_, row.sequence, row.position);
    if (how_.fault == Fault::mask_sees_next) keys.end = std::min(keys.end + 1, sequence.length());
    if (how_.fault == Fault::mask_misses_last) --keys.end;
    if (how_.fault == Fault::mask_drops_prefix) keys.end = std::max<int64_t>(1, keys.end - sequence.cached);
    return keys;
  }

  std::vector<Slot> slots(const QueryRow& row, int64_t block) const {
    const int64_t length = problem_.sequences[static_cast<size_t>(row.sequence)].length();
    const Fault fault = how_.fault;
    const bool chosen = block == how_.blocks / 2;
    int64_t kv_head = row.head / problem_.heads.group();
    if (fault == Fault::kv_head_wrong) kv_head = (kv_head + 1) % problem_.heads.kv;
    const HeadData& data = head_data(row.sequence, kv_head);
    const TokenRange keys = visible(row);
    const auto edge = [&](int64_t index) { return length * index / how_.blocks; };
    int64_t begin = edge(block);
    const int64_t end = edge(block + 1);
    if (block > 0 && fault == Fault::shard_gap) ++begin;
    if (block > 0 && fault == Fault::shard_overlap) --begin;

    std::vector<Slot> seen;
    const auto see = [&](int64_t k, int64_t v) {
      seen.push_back({data.k.data() + k * dim_, data.v.data() + v * dim_});
    };
    if (chosen && fault == Fault::block_lost) return seen;
    for (int64_t j = begin; j < end; ++j) {
      bool sees = keys.begin <= j && j < keys.end;
      if (fault == Fault::mask_is_local) {
        int64_t own = 0;
        while (edge(own + 1) <= row.position) ++own;
        sees = sees && j - begin <= row.position - edge(own);
      }
      if (!sees) continue;
      const int64_t other = std::min(length - 1, j - begin + edge(block ^ 1));
      if (chosen && fault == Fault::block_stale && block > 0) {
        see(j - begin + edge(block - 1), j - begin + edge(block - 1));
      } else {
        see(j, fault == Fault::blocks_swapped && how_.blocks > 1 ? other : j);
      }
    }
    add_strangers(row, block, data, seen);
    return seen;
  }

  /// Keys that no row should see.
  void add_strangers(const QueryRow& row, int64_t block, const HeadData& data, std::vector<Slot>& seen) const {
    const Fault fault = how_.fault;
    const Sequence& sequence = problem_.sequences[static_cast<size_t>(row.sequence)];
    if (fault == Fault::prefix_repeated && block > 0) {
      for (int64_t j = 0; j < sequence.cached; ++j) {
        seen.push_back({&data.k[static_cast<size_t>(j * dim_)], &data.v[static_cast<size_t>(j * dim_)]});
      }
    }
    if (fault == Fault::sequence_leaks && block == 0) {
      const int64_t other = (row.sequence + 1) % static_cast<int64_t>(problem_.sequences.size());
      const HeadData& strange = head_data(other, row.head / problem_.heads.group());
      const auto tokens = static_cast<int64_t>(strange.k.size()) / dim_;
      for (int64_t j = 0; j < std::min(tokens, row.position + 1); ++j) {
        seen.push_back({&strange.k[static_cast<size_t>(j * dim_)], &strange.v[static_cast<size_t>(j * dim_)]});
      }
    }
    if (fault == Fault::tail_is_zero && block + 1 == how_.blocks) seen.push_back({zeros_.data(), zeros_.data()});
    if (fault == Fault::tail_is_stale && static_cast<int64_t>(seen.size()) > how_.tile) {
      const auto tile = static_cast<size_t>(how_.tile);
      while (seen.size() % tile != 0) seen.push_back(seen[seen.size() - tile]);
    }
  }

  State attend(const std::vector<float>& q, const std::vector<Slot>& slots) const {
    State state{zeros_, kEmpty};
    if (slots.empty()) return state;
    float highest = kEmpty, total = 0;
    const double off = how_.fault == Fault::scale_off ? 1.01 : 1.0;
    const auto scale = static_cast<float>(problem_.softmax_scale() * off);
    const auto tile = static_cast<size_t>(how_.tile);
    std::vector<float> t(tile);
    for (size_t begin = 0; begin < slots.size(); begin += tile) {
      const size_t size = std::min(tile, slots.size() - begin);
      float raised = highest;
      for (size_t j = 0; j < size; ++j) {
        float dot = 0;
        for (int64_t c = 0; c < dim_; ++c) dot += q[static_cast<size_t>(c)] * slots[begin + j].k[c];
        t[j] = dot * scale;
        raised = std::max(raised, t[j]);
      }
      const float fade = std::exp(highest - raised);
      highest = raised;
      float tile_total = 0;
      for (size_t j = 0; j < size; ++j) tile_total += t[j] = std::exp(t[j] - raised);
      total = total * fade + tile_total;
      if (how_.fault != Fault::rescale_missed) {
        for (float& value : state.o) value *= fade;
      }
      add_tile(slots.data() + begin, t.data(), size, total, state);
    }
    for (float& value : state.o) value /= total;
    state.lse = highest + std::log(total);
    return state;
  }

  void add_tile(const Slot* slots, float* weights, size_t size, float total, State& state) const {
    for (size_t j = 0; j < size && how_.device; ++j) weights[j] = round_to(problem_.dtype, weights[j]);
    if (how_.fault == Fault::narrow_weights) {
      for (size_t j = 0; j < size; ++j) weights[j] = total * round_to(narrow_dtype(), weights[j] / total);
    }
    std::vector<float> sum = zeros_;
    for (size_t j = 0; j < size; ++j) {
      for (size_t c = 0; c < sum.size(); ++c) sum[c] += weights[j] * slots[j].v[c];
    }
    std::transform(sum.begin(), sum.end(), state.o.begin(), state.o.begin(), std::plus<float>());
    if (how_.fault == Fault::narrow_tiles) narrow(state);
  }

  DType narrow_dtype() const { return problem_.dtype == DType::fp32 ? DType::bf16 : problem_.dtype; }
  void narrow(State& state) const {
    for (float& value : state.o) value = round_to(narrow_dtype(), value);
  }

  State merge(const State& a, const State& b) const {
    const float highest = std::max(a.lse, b.lse);
    if (highest == kEmpty) return a;
    const bool base_2 = how_.fault == Fault::merge_in_base_2;
    const auto raise = [&](float x) { return base_2 ? std::exp2(x) : std::exp(x); };
    const float sum = raise(a.lse - highest) + raise(b.lse - highest);
    State merged{zeros_, highest + (base_2 ? std::log2(sum) : std::log(sum))};
    float of_a = raise(a.lse - highest) / sum;
    float of_b = raise(b.lse - highest) / sum;
    if (how_.fault == Fault::merge_averages && of_a > 0 && of_b > 0) of_a = of_b = 0.5f;
    for (size_t c = 0; c < merged.o.size(); ++c) merged.o[c] = of_a * a.o[c] + of_b * b.o[c];
    if (how_.fault == Fault::merge_keeps_lse && a.lse != kEmpty) merged.lse = a.lse;
    if (how_.fault == Fault::narrow_merges) narrow(merged);
    return merged;
  }

  const InputSource& inputs_;
  const Problem& problem_;
  Emulation how_;
  int64_t dim_;
  std::vector<float> zeros_;
  std::vector<HeadData> heads_;
};

}  // namespace

EmulatedResult emulate(const InputSource& inputs, const TokenSet& tokens, const Emulation& how) {
  const Problem& problem = inputs.problem();
  const int64_t dim = problem.heads.dim;
  const Emulator emulator(inputs, how);
  const DType dtype = how.wide ? DType::fp32 : problem.dtype;
  EmulatedResult result;
  result.out.resize(static_cast<size_t>(tokens.size() * problem.heads.query * dim * bytes_of(dtype)));
  result.lse.resize(static_cast<size_t>(tokens.size() * problem.heads.query));
  result.rows = {tokens, {0, problem.heads.query}, dtype, nullptr, tokens.size() * dim, dim, nullptr, tokens.size(), 1};
  int64_t index = 0;
  std::vector<float> before(static_cast<size_t>(dim));
  for (int64_t head = 0; head < problem.heads.query; ++head) {
    for (const TokenRange& range : tokens.ranges()) {
      for (int64_t position = range.begin; position < range.end; ++position, ++index) {
        State state = emulator.row({range.sequence, position, head});
        if (how.fault == Fault::channels_stale) {
          std::copy(before.end() - (dim + 3) / 4, before.end(), state.o.end() - (dim + 3) / 4);
        }
        store_floats(dtype, state.o.data(), dim, result.out.data() + index * dim * bytes_of(dtype));
        result.lse[static_cast<size_t>(index)] = state.lse;
        before = state.o;
      }
    }
  }
  result.rows.out = result.out.data();
  result.rows.lse = result.lse.data();
  return result;
}

}  // namespace ringfold
