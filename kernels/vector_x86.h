#pragma once

// Loops of eight lanes for files compiled for AVX2, F16C or more. Internal linkage for the reason given in
// vector_loops.h.

#include "lib/problem.h"

#include <immintrin.h>

namespace ringfold {

namespace {

// 24 shuffles: pairs of rows, then pairs of pairs, then halves.
inline void transpose_8x8(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  __m256 row[8], pair[8], quad[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) row[i] = _mm256_loadu_ps(from + i * from_stride);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    quad[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
    quad[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
    quad[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    quad[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31));
  }
}

inline __m256 load_8(DType dtype, const uint16_t* from) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  if (dtype == DType::fp16) return _mm256_cvtph_ps(half);
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

inline void load_by_8(DType dtype, const void* from, int64_t count, float* to) {
  if (dtype == DType::fp32) {
    __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  const auto* halves = static_cast<const uint16_t*>(from);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(to + i, load_8(dtype, halves + i));
  if (i == count) return;
  // The rest by a copy: what follows a row is not ours to read.
  uint16_t tail[8] = {};
  float values[8];
  __builtin_memcpy(tail, halves + i, static_cast<size_t>(count - i) * sizeof(uint16_t));
  _mm256_storeu_ps(values, load_8(dtype, tail));
  __builtin_memcpy(to + i, values, static_cast<size_t>(count - i) * sizeof(float));
}

}  // namespace

}  // namespace ringfold
