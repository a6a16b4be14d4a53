#pragma once

// The loops of VectorOps over a vector type V, for files that are compiled for one instruction set each. Everything
// here has internal linkage and nothing of the standard library is used: an inline function shared between such files
// could be linked in the form that the machine at hand cannot run.
//
// V has kLanes floats and: load, store, set, +, -, *, greatest(a, b) (b if either is NaN), fma(a, b, c) = a b + c,
// power(t) = 2^(low bits of t - 127) (low bits 0: zero), hide(x, bounds, key) (-inf in lanes that do not see the key),
// and transpose_block(from, from_stride, to, to_stride): kBlock x kBlock elements.

#include "kernels/vector_ops.h"

namespace ringfold {

namespace {

constexpr int kColumn = 16;  // lanes handled together: one cache line of each key

template <typename V>
struct Column {
  static constexpr int kVectors = kColumn / V::kLanes;
  V v[kVectors];
  static Column load(const float* from) {
    Column result;
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) result.v[i] = V::load(from + i * V::kLanes);
    return result;
  }
  void store(float* to) const {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) v[i].store(to + i * V::kLanes);
  }
};

template <typename V, typename F>
inline Column<V> map(F f) {
  Column<V> result;
#pragma GCC unroll 4
  for (int i = 0; i < Column<V>::kVectors; ++i) result.v[i] = f(i);
  return result;
}

// 2^x for x <= 0. x = n + f with n the nearest integer and |f| <= 1/2; 2^n by its exponent bits, 2^f by a polynomial of
// degree 5, minimax in relative error (9.2e-8) among those with p(0) = 1, so that equal scores weigh exactly alike.
template <typename V>
inline V exp2_of(V x) {
  const V clamped = V::greatest(V::set(-127.0f), x);
  // 1.5 x 2^23 + 127: adding it leaves round(x) + 127 in the low bits.
  const V magic = V::set(12583039.0f);
  const V shifted = clamped + magic;
  const V f = clamped - (shifted - magic);
  V p = V::set(0x1.5bba14p-10f);
  p = V::fma(p, f, V::set(0x1.3cea88p-7f));
  p = V::fma(p, f, V::set(0x1.c6b752p-5f));
  p = V::fma(p, f, V::set(0x1.ebf9bcp-3f));
  p = V::fma(p, f, V::set(0x1.62e42ap-1f));
  p = V::fma(p, f, V::set(1.0f));
  return p * V::power(shifted);
}

template <typename V>
void exp2_loop(const float* x, int64_t count, float* y) {
  for (int64_t i = 0; i < count; i += V::kLanes) exp2_of(V::load(x + i)).store(y + i);
}

// The largest score of each lane, at least `maximum`; hides what lanes do not see when kMasked.
template <typename V, bool kMasked>
Column<V> column_maximum(const ScoreTile& tile, int lane, Column<V> maximum) {
  constexpr int kChains = 4;
  Column<V> largest[kChains] = {maximum, maximum, maximum, maximum};
  typename V::Bounds bounds[Column<V>::kVectors];
  if constexpr (kMasked) {
    for (int i = 0; i < Column<V>::kVectors; ++i) {
      bounds[i] = V::Bounds::load(tile.first + lane + i * V::kLanes, tile.end + lane + i * V::kLanes);
    }
  }
  float* at = tile.scores + lane;
  const auto step = [&](int key, Column<V>& chain) {
    Column<V> s = Column<V>::load(at);
    if constexpr (kMasked) {
      s = map<V>([&](int i) { return V::hide(s.v[i], bounds[i], key); });
      s.store(at);
    }
    chain = map<V>([&](int i) { return V::greatest(s.v[i], chain.v[i]); });
    at += tile.stride;
  };
  int key = 0;
  for (; key + kChains <= tile.keys; key += kChains) {
#pragma GCC unroll 4
    for (int i = 0; i < kChains; ++i) step(key + i, largest[i]);
  }
  for (; key < tile.keys; ++key) step(key, largest[0]);
  return map<V>([&](int i) {
    return V::greatest(V::greatest(largest[0].v[i], largest[1].v[i]),
                       V::greatest(largest[2].v[i], largest[3].v[i]));
  });
}

// Scores to weights; returns their sums, added up in runs of 32 so that no chain of roundings grows long.
template <typename V>
Column<V> column_weights(const ScoreTile& tile, int lane, Column<V> maximum) {
  constexpr int kRun = 32;
  const Column<V> zero = map<V>([](int) { return V::set(0.0f); });
  Column<V> sum = zero;
  float* at = tile.scores + lane;
  for (int begin = 0; begin < tile.keys; begin += kRun) {
    const int end = begin + kRun < tile.keys ? begin + kRun : tile.keys;
    Column<V> run = zero;
    for (int key = begin; key < end; ++key, at += tile.stride) {
      const Column<V> s = Column<V>::load(at);
      const Column<V> p = map<V>([&](int i) { return exp2_of(s.v[i] - maximum.v[i]); });
      p.store(at);
      run = map<V>([&](int i) { return run.v[i] + p.v[i]; });
    }
    sum = map<V>([&](int i) { return sum.v[i] + run.v[i]; });
  }
  return sum;
}

template <typename V>
void fold_scores_loop(const ScoreTile& tile) {
  for (int lane = 0; lane < tile.rows; lane += kColumn) {
    const Column<V> before = Column<V>::load(tile.maximum + lane);
    const Column<V> maximum = tile.first ? column_maximum<V, true>(tile, lane, before)
                                         : column_maximum<V, false>(tile, lane, before);
    const Column<V> sum = column_weights(tile, lane, maximum);
    const Column<V> correction = map<V>([&](int i) { return exp2_of(before.v[i] - maximum.v[i]); });
    const Column<V> sum_before = Column<V>::load(tile.sum + lane);
    map<V>([&](int i) { return V::fma(sum_before.v[i], correction.v[i], sum.v[i]); }).store(tile.sum + lane);
    maximum.store(tile.maximum + lane);
    correction.store(tile.correction + lane);
  }
}

template <typename V>
void fold_output_loop(float* o, const float* part, const float* correction, int channels, int rows, int stride) {
  for (int channel = 0; channel < channels; ++channel, o += stride, part += stride) {
    for (int lane = 0; lane < rows; lane += V::kLanes) {
      V::fma(V::load(o + lane), V::load(correction + lane), V::load(part + lane)).store(o + lane);
    }
  }
}

template <typename V>
void transpose_loop(const float* from, int64_t from_stride, int rows, int columns, float* to, int64_t to_stride) {
  constexpr int kBlock = V::kBlock;
  const int block_rows = rows - rows % kBlock;
  const int block_columns = columns - columns % kBlock;
  for (int i = 0; i < block_rows; i += kBlock) {
    for (int j = 0; j < block_columns; j += kBlock) {
      V::transpose_block(from + i * from_stride + j, from_stride, to + j * to_stride + i, to_stride);
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int j = i < block_rows ? block_columns : 0; j < columns; ++j) {
      to[j * to_stride + i] = from[i * from_stride + j];
    }
  }
}

}  // namespace

}  // namespace ringfold
