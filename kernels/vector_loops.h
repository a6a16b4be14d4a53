#pragma once

// The loops of VectorOps over a vector type V, for files that are compiled for one instruction set each. Everything
// here has internal linkage and nothing of the standard library is used: an inline function shared between such files
// could be linked in the form that the machine at hand cannot run.
//
// V has kLanes floats and: load, store, set, +, -, *, /, greatest(a, b) (b if either is NaN), fma(a, b, c) = a b + c,
// magnitude(x) = |x|, signed_as(x, y) (x >= 0 with the sign of y), below(a, limit, x, y) (x in lanes where a < limit,
// else y), fraction(x) = x - floor(x) and scaled(p, x) = p 2^floor(x), 0 below -126, for x <= 0, hide(x, bounds, key)
// (-inf in lanes that do not see the key), and transpose_block(from, from_stride, to, to_stride): kBlock x kBlock
// elements.

#include "kernels/vector_ops.h"

namespace ringfold {

namespace {

constexpr int kColumn = 16;  // lanes handled together: one cache line of each key

// Vectors in flight at once: long chains of dependent operations need that many side by side to fill the units, and the
// code must already stand in that order where a core looks ahead only a little.
constexpr int kFlight = 4;

template <typename V>
constexpr int kColumnVectors = kColumn / V::kLanes;
template <typename V>
constexpr int kFlightKeys = kFlight / kColumnVectors<V>;

// x = 2^x for x <= 0: 2^floor(x) by its exponent bits, 2^f of the fraction f by a polynomial of degree 5, minimax in
// relative error (8.2e-8) among those with p(0) = 1, so that equal scores weigh exactly alike.
template <typename V, int kCount>
inline __attribute__((always_inline)) void exp2_of(V (&x)[kCount]) {
  constexpr float kFactors[] = {0x1.27733ap-7f, 0x1.c91d3p-5f, 0x1.ebdb64p-3f, 0x1.62e4bap-1f, 1.0f};
  V f[kCount];
  V p[kCount];
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) f[i] = V::fraction(x[i]);
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) p[i] = V::fma(V::set(0x1.e990d2p-10f), f[i], V::set(kFactors[0]));
#pragma GCC unroll 4
  for (int step = 1; step < 5; ++step) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) p[i] = V::fma(p[i], f[i], V::set(kFactors[step]));
  }
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) x[i] = V::scaled(p[i], x[i]);
}

template <typename V>
void exp2_loop(const float* x, int64_t count, float* y) {
  for (int64_t i = 0; i < count; i += V::kLanes) {
    V one[1] = {V::load(x + i)};
    exp2_of(one);
    one[0].store(y + i);
  }
}

// x = tanh x, sign and NaN kept: near 0 an odd polynomial of degree 11 (Cephes, tanhf), beyond it
// (1 - 2^(-2 |x| log2 e)) / (1 + 2^(-2 |x| log2 e)), where the numerator loses little.
template <typename V, int kCount>
inline __attribute__((always_inline)) void tanh_of(V (&x)[kCount]) {
  constexpr float kFactors[] = {2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f};
  V e[kCount];
  V square[kCount];
  V p[kCount];
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) e[i] = V::magnitude(x[i]) * V::set(-2.885390081777927f);
  exp2_of(e);
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) square[i] = x[i] * x[i];
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) p[i] = V::fma(square[i], V::set(-5.70498872745e-3f), V::set(kFactors[0]));
#pragma GCC unroll 3
  for (int step = 1; step < 4; ++step) {
#pragma GCC unroll 4
    for (int i = 0; i < kCount; ++i) p[i] = V::fma(p[i], square[i], V::set(kFactors[step]));
  }
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) {
    const V far = V::signed_as((V::set(1.0f) - e[i]) / (V::set(1.0f) + e[i]), x[i]);
    x[i] = V::below(V::magnitude(x[i]), 0.625f, V::fma(p[i] * square[i], x[i], x[i]), far);
  }
}

template <typename V>
void cap_scores_loop(float* scores, int stride, int rows, int keys, float factor) {
  constexpr int kVectors = kColumnVectors<V>;
  for (int key = 0; key < keys; ++key, scores += stride) {
    for (int lane = 0; lane < rows; lane += kColumn) {
      V x[kVectors];
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) x[i] = V::load(scores + lane + i * V::kLanes);
      tanh_of(x);
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) (x[i] * V::set(factor)).store(scores + lane + i * V::kLanes);
    }
  }
}

// Hides from each lane of a column the keys that it does not see: those before the last lane's first and from the first
// lane's last on. Between them all lanes see all keys.
template <typename V>
void hide_unseen(const ScoreTile& tile, int lane) {
  int begin = tile.first[lane];  // of those that all lanes see
  int end = tile.end[lane];
  for (int i = lane; i < lane + kColumnVectors<V> * V::kLanes; ++i) {
    begin = tile.first[i] > begin ? tile.first[i] : begin;
    end = tile.end[i] < end ? tile.end[i] : end;
  }
  const auto hide = [&](int from, int to) {
    for (int i = 0; i < kColumnVectors<V>; ++i) {
      const int at = lane + i * V::kLanes;
      const typename V::Bounds bounds = V::Bounds::load(tile.first + at, tile.end + at);
      float* scores = tile.scores + at + from * tile.stride;
      for (int key = from; key < to; ++key, scores += tile.stride) {
        V::hide(V::load(scores), bounds, key).store(scores);
      }
    }
  };
  const int before = begin < 0 ? 0 : begin < tile.keys ? begin : tile.keys;
  const int after = end > before ? end : before;
  hide(0, before);
  hide(after, tile.keys);
}

// The largest score of each lane of a column, at least `maximum`.
template <typename V>
void column_maximum(const ScoreTile& tile, int lane, V (&maximum)[kColumnVectors<V>]) {
  constexpr int kVectors = kColumnVectors<V>;
  constexpr int kKeys = 4;
  V largest[kKeys * kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kKeys * kVectors; ++i) largest[i] = maximum[i % kVectors];
  const float* at = tile.scores + lane;
  const int64_t stride = tile.stride;
  const int keys = tile.keys;
  int key = 0;
  for (; key + kKeys <= keys; key += kKeys, at += kKeys * stride) {
#pragma GCC unroll 8
    for (int i = 0; i < kKeys * kVectors; ++i) {
      largest[i] = V::greatest(V::load(at + i / kVectors * stride + i % kVectors * V::kLanes), largest[i]);
    }
  }
  for (; key < keys; ++key, at += stride) {
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; ++i) largest[i] = V::greatest(V::load(at + i * V::kLanes), largest[i]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < kVectors; ++i) {
    maximum[i] = V::greatest(V::greatest(largest[i], largest[kVectors + i]),
                             V::greatest(largest[2 * kVectors + i], largest[3 * kVectors + i]));
  }
}

// Turns `kKeys` keys of a column into weights and adds them to `sum`.
template <typename V, int kKeys>
inline __attribute__((always_inline)) void weigh(float* at, int64_t stride, const V (&maximum)[kColumnVectors<V>],
                                                 V (&sum)[kColumnVectors<V>]) {
  constexpr int kVectors = kColumnVectors<V>;
  V x[kKeys * kVectors];
#pragma GCC unroll 4
  for (int i = 0; i < kKeys * kVectors; ++i) {
    x[i] = V::load(at + i / kVectors * stride + i % kVectors * V::kLanes) - maximum[i % kVectors];
  }
  exp2_of(x);
#pragma GCC unroll 4
  for (int i = 0; i < kKeys * kVectors; ++i) {
    x[i].store(at + i / kVectors * stride + i % kVectors * V::kLanes);
    sum[i % kVectors] = sum[i % kVectors] + x[i];
  }
}

// Scores to weights; adds up their sums in runs of 32 keys, so that no chain of roundings grows long.
template <typename V>
void column_weights(const ScoreTile& tile, int lane, const V (&maximum)[kColumnVectors<V>],
                    V (&sum)[kColumnVectors<V>]) {
  constexpr int kRun = 32;
  constexpr int kVectors = kColumnVectors<V>;
  constexpr int kKeys = kFlightKeys<V>;
  float* at = tile.scores + lane;
  const int64_t stride = tile.stride;
  const int keys = tile.keys;
  for (int begin = 0; begin < keys; begin += kRun) {
    const int end = begin + kRun < keys ? begin + kRun : keys;
    V run[kVectors];
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; ++i) run[i] = V::set(0.0f);
    int key = begin;
    for (; key + kKeys <= end; key += kKeys, at += kKeys * stride) weigh<V, kKeys>(at, stride, maximum, run);
    for (; key < end; ++key, at += stride) weigh<V, 1>(at, stride, maximum, run);
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; ++i) sum[i] = sum[i] + run[i];
  }
}

template <typename V>
void fold_scores_loop(const ScoreTile& tile) {
  constexpr int kVectors = kColumnVectors<V>;
  for (int lane = 0; lane < tile.rows; lane += kColumn) {
    V maximum[kVectors];
    V correction[kVectors];
    V sum[kVectors];
    for (int i = 0; i < kVectors; ++i) maximum[i] = correction[i] = V::load(tile.maximum + lane + i * V::kLanes);
    if (tile.first) hide_unseen<V>(tile, lane);
    column_maximum<V>(tile, lane, maximum);
    for (int i = 0; i < kVectors; ++i) correction[i] = correction[i] - maximum[i], sum[i] = V::set(0.0f);
    exp2_of(correction);
    column_weights<V>(tile, lane, maximum, sum);
    for (int i = 0; i < kVectors; ++i) {
      const int at = lane + i * V::kLanes;
      maximum[i].store(tile.maximum + at);
      correction[i].store(tile.correction + at);
      V::fma(V::load(tile.sum + at), correction[i], sum[i]).store(tile.sum + at);
    }
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
