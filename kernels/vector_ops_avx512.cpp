// Compiled for AVX-512F and AVX2, FMA, F16C, whatever the rest is compiled for.
#include "kernels/row_loops.h"
#include "kernels/vector_loops.h"
#include "kernels/vector_x86.h"

namespace ringfold {

namespace {

struct Avx512 {
  static constexpr int kLanes = 16;
  static constexpr int kBlock = 8;
  __m512 v;

  struct Bounds {
    __m512i first;
    __m512i end;
    static Bounds load(const int32_t* first, const int32_t* end) {
      return {_mm512_loadu_si512(first), _mm512_loadu_si512(end)};
    }
  };

  static Avx512 load(const float* from) { return {_mm512_loadu_ps(from)}; }
  void store(float* to) const { _mm512_storeu_ps(to, v); }
  static Avx512 set(float x) { return {_mm512_set1_ps(x)}; }
  Avx512 operator+(Avx512 b) const { return {_mm512_add_ps(v, b.v)}; }
  Avx512 operator-(Avx512 b) const { return {_mm512_sub_ps(v, b.v)}; }
  Avx512 operator*(Avx512 b) const { return {_mm512_mul_ps(v, b.v)}; }
  Avx512 operator/(Avx512 b) const { return {_mm512_div_ps(v, b.v)}; }
  static Avx512 magnitude(Avx512 x) { return {_mm512_abs_ps(x.v)}; }
  static Avx512 signed_as(Avx512 x, Avx512 y) {
    const __m512i sign = _mm512_and_epi32(_mm512_set1_epi32(INT32_MIN), _mm512_castps_si512(y.v));
    return {_mm512_castsi512_ps(_mm512_or_epi32(sign, _mm512_castps_si512(x.v)))};
  }
  static Avx512 below(Avx512 a, float limit, Avx512 x, Avx512 y) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, _mm512_set1_ps(limit), _CMP_LT_OQ), y.v, x.v)};
  }
  static Avx512 greatest(Avx512 a, Avx512 b) { return {_mm512_max_ps(a.v, b.v)}; }
  static Avx512 fma(Avx512 a, Avx512 b, Avx512 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static Avx512 fraction(Avx512 x) { return {_mm512_reduce_ps(x.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
  static Avx512 scaled(Avx512 p, Avx512 x) {
    return {_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x.v, _mm512_set1_ps(-126.0f), _CMP_NLT_UQ), p.v, x.v)};
  }
  static Avx512 hide(Avx512 x, const Bounds& bounds, int key) {
    const __m512i at = _mm512_set1_epi32(key);
    const __mmask16 seen = _mm512_mask_cmpgt_epi32_mask(_mm512_cmple_epi32_mask(bounds.first, at), bounds.end, at);
    return {_mm512_mask_blend_ps(seen, _mm512_set1_ps(-__builtin_inff()), x.v)};
  }
  // Pairs of vectors, pairs of pairs, then the quarters.
  static Avx512 sums(const Avx512 (&x)[kLanes]) {
    __m512 quads[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m512 low = added_pair(x[4 * i].v, x[4 * i + 1].v);
      const __m512 high = added_pair(x[4 * i + 2].v, x[4 * i + 3].v);
      quads[i] = _mm512_add_ps(_mm512_shuffle_ps(low, high, 0x44), _mm512_shuffle_ps(low, high, 0xee));
    }
    const __m512 low = added_halves(quads[0], quads[1]);
    const __m512 high = added_halves(quads[2], quads[3]);
    return {_mm512_add_ps(_mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low, high, 0xdd))};
  }
  static __m512 added_pair(__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  }
  static __m512 added_halves(__m512 a, __m512 b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  }
  static void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
    transpose_8x8(from, from_stride, to, to_stride);
  }
};

}  // namespace

const VectorOps* avx512_ops() {
  static const VectorOps ops = {"AVX-512",
                                48,
                                exp2_loop<Avx512>,
                                cap_scores_loop<Avx512>,
                                fold_scores_loop<Avx512>,
                                fold_output_loop<Avx512>,
                                score_rows_loop<Avx512>,
                                weigh_rows_loop<Avx512>,
                                transpose_loop<Avx512>,
                                load_by_8};
  return &ops;
}

}  // namespace ringfold
