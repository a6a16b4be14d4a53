// Compiled for AVX2, FMA and F16C, whatever the rest is compiled for.
#include "kernels/row_loops.h"
#include "kernels/vector_loops.h"
#include "kernels/vector_x86.h"

namespace ringfold {

namespace {

struct Avx2 {
  static constexpr int kLanes = 8;
  static constexpr int kBlock = 8;
  __m256 v;

  struct Bounds {
    __m256i first;
    __m256i end;
    static Bounds load(const int32_t* first, const int32_t* end) {
      return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first)),
              _mm256_loadu_si256(reinterpret_cast<const __m256i*>(end))};
    }
  };

  static Avx2 load(const float* from) { return {_mm256_loadu_ps(from)}; }
  void store(float* to) const { _mm256_storeu_ps(to, v); }
  static Avx2 set(float x) { return {_mm256_set1_ps(x)}; }
  Avx2 operator+(Avx2 b) const { return {_mm256_add_ps(v, b.v)}; }
  Avx2 operator-(Avx2 b) const { return {_mm256_sub_ps(v, b.v)}; }
  Avx2 operator*(Avx2 b) const { return {_mm256_mul_ps(v, b.v)}; }
  Avx2 operator/(Avx2 b) const { return {_mm256_div_ps(v, b.v)}; }
  static Avx2 magnitude(Avx2 x) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x.v)}; }
  static Avx2 signed_as(Avx2 x, Avx2 y) { return {_mm256_or_ps(x.v, _mm256_and_ps(_mm256_set1_ps(-0.0f), y.v))}; }
  static Avx2 below(Avx2 a, float limit, Avx2 x, Avx2 y) {
    return {_mm256_blendv_ps(y.v, x.v, _mm256_cmp_ps(a.v, _mm256_set1_ps(limit), _CMP_LT_OQ))};
  }
  static Avx2 greatest(Avx2 a, Avx2 b) { return {_mm256_max_ps(a.v, b.v)}; }
  static Avx2 fma(Avx2 a, Avx2 b, Avx2 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  static Avx2 fraction(Avx2 x) { return at_least_127(x) - floor_of(at_least_127(x)); }
  static Avx2 scaled(Avx2 p, Avx2 x) {
    // 1.5 x 2^23 + 127: adding it leaves the exponent's bits of 2^floor(x) in the low ones, none for -127.
    const __m256i exponent = _mm256_castps_si256((floor_of(at_least_127(x)) + set(12583039.0f)).v);
    return {_mm256_mul_ps(p.v, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)))};
  }
  static Avx2 at_least_127(Avx2 x) { return greatest(set(-127.0f), x); }
  static Avx2 floor_of(Avx2 x) { return {_mm256_floor_ps(x.v)}; }
  static Avx2 hide(Avx2 x, const Bounds& bounds, int key) {
    const __m256i at = _mm256_set1_epi32(key);
    const __m256i hidden = _mm256_cmpgt_epi32(bounds.first, at);
    const __m256i seen = _mm256_andnot_si256(hidden, _mm256_cmpgt_epi32(bounds.end, at));
    return {_mm256_blendv_ps(_mm256_set1_ps(-__builtin_inff()), x.v, _mm256_castsi256_ps(seen))};
  }
  static Avx2 sums(const Avx2 (&x)[kLanes]) {
    const __m256 low = _mm256_hadd_ps(_mm256_hadd_ps(x[0].v, x[1].v), _mm256_hadd_ps(x[2].v, x[3].v));
    const __m256 high = _mm256_hadd_ps(_mm256_hadd_ps(x[4].v, x[5].v), _mm256_hadd_ps(x[6].v, x[7].v));
    return {_mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31))};
  }
  static void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
    transpose_8x8(from, from_stride, to, to_stride);
  }
};

}  // namespace

const VectorOps* avx2_ops() {
  static const VectorOps ops = {"AVX2",
                                32,
                                exp2_loop<Avx2>,
                                cap_scores_loop<Avx2>,
                                fold_scores_loop<Avx2>,
                                fold_output_loop<Avx2>,
                                score_rows_loop<Avx2>,
                                weigh_rows_loop<Avx2>,
                                transpose_loop<Avx2>,
                                load_by_8};
  return &ops;
}

}  // namespace ringfold
