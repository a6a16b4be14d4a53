#pragma once

// The loops of VectorOps over single rows of K and V, for few rows of queries; as vector_loops.h. V has in addition
// sums(x): lane i is the sum of x[i]'s lanes, of kLanes vectors.

#include "kernels/vector_ops.h"

namespace ringfold {

namespace {

// Scores of `kKeys` keys with one group of rows. Lane key * kRowGroup + row of a vector is one score.
template <typename V>
inline __attribute__((always_inline)) void score_group(const float* const (&k)[V::kLanes / kRowGroup], const float* q,
                                                       int dim, int keys, float* scores, int stride) {
  constexpr int kKeys = V::kLanes / kRowGroup;
  V products[V::kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < V::kLanes; ++i) products[i] = V::set(0.0f);
  for (int c = 0; c < dim; c += V::kLanes) {
    V row[kRowGroup];
#pragma GCC unroll 4
    for (int r = 0; r < kRowGroup; ++r) row[r] = V::load(q + r * dim + c);
#pragma GCC unroll 4
    for (int key = 0; key < kKeys; ++key) {
      const V channels = V::load(k[key] + c);
#pragma GCC unroll 4
      for (int r = 0; r < kRowGroup; ++r) {
        products[key * kRowGroup + r] = V::fma(channels, row[r], products[key * kRowGroup + r]);
      }
    }
  }
  float sums[V::kLanes];
  V::sums(products).store(sums);
  for (int key = 0; key < keys; ++key) {
    __builtin_memcpy(scores + key * stride, sums + key * kRowGroup, kRowGroup * sizeof(float));
  }
}

template <typename V>
void score_rows_loop(const KeyRows& k, const float* q, int rows, int dim, float* scores, int stride) {
  constexpr int kKeys = V::kLanes / kRowGroup;
  for (int first = 0; first < k.count; first += kKeys) {
    const int keys = k.count - first < kKeys ? k.count - first : kKeys;
    const float* at[kKeys];
    // The last key in the place of those that are missing: nothing behind it is read.
    for (int i = 0; i < kKeys; ++i) at[i] = k.data + (first + (i < keys ? i : keys - 1)) * k.stride;
    for (int row = 0; row < rows; row += kRowGroup) {
      score_group<V>(at, q + row * dim, dim, keys, scores + first * stride + row, stride);
    }
  }
}

// Adds up `kVectors` vectors of channels for one group of rows.
template <typename V, int kVectors>
inline __attribute__((always_inline)) void weigh_group(const float* v, int64_t v_stride, int keys, const float* weights,
                                                       int stride, int dim, float* sums) {
  V sum[kRowGroup * kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRowGroup * kVectors; ++i) sum[i] = V::load(sums + i / kVectors * dim + i % kVectors * V::kLanes);
  for (int key = 0; key < keys; ++key, v += v_stride, weights += stride) {
    V channels[kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) channels[i] = V::load(v + i * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRowGroup * kVectors; ++i) {
      sum[i] = V::fma(V::set(weights[i / kVectors]), channels[i % kVectors], sum[i]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRowGroup * kVectors; ++i) sum[i].store(sums + i / kVectors * dim + i % kVectors * V::kLanes);
}

template <typename V>
void weigh_rows_loop(const KeyRows& v, const float* weights, int stride, int rows, int dim, float* sums) {
  // Sums of 4 rows and as many channels as leave registers for the values.
  constexpr int kVectors = V::kLanes == 16 ? 4 : 2;
  for (int row = 0; row < rows; row += kRowGroup) {
    int c = 0;
    for (; c + kVectors * V::kLanes <= dim; c += kVectors * V::kLanes) {
      weigh_group<V, kVectors>(v.data + c, v.stride, v.count, weights + row, stride, dim, sums + row * dim + c);
    }
    for (; c < dim; c += V::kLanes) {
      weigh_group<V, 1>(v.data + c, v.stride, v.count, weights + row, stride, dim, sums + row * dim + c);
    }
  }
}

}  // namespace

}  // namespace ringfold
