// The same loops in plain C++ for any machine; compilers make what vectors of it they can.
#include "kernels/row_loops.h"
#include "kernels/vector_loops.h"
#include "lib/dtype.h"

namespace ringfold {

namespace {

struct Portable {
  static constexpr int kLanes = 8;
  static constexpr int kBlock = 8;
  float v[kLanes];

  struct Bounds {
    int32_t first[kLanes];
    int32_t end[kLanes];
    static Bounds load(const int32_t* first, const int32_t* end) {
      Bounds result;
      for (int i = 0; i < kLanes; ++i) result.first[i] = first[i], result.end[i] = end[i];
      return result;
    }
  };

  template <typename F>
  static Portable each(F f) {
    Portable result;
    for (int i = 0; i < kLanes; ++i) result.v[i] = f(i);
    return result;
  }
  static Portable load(const float* from) {
    return each([&](int i) { return from[i]; });
  }
  void store(float* to) const {
    for (int i = 0; i < kLanes; ++i) to[i] = v[i];
  }
  static Portable set(float x) {
    return each([&](int) { return x; });
  }
  Portable operator+(const Portable& b) const {
    return each([&](int i) { return v[i] + b.v[i]; });
  }
  Portable operator-(const Portable& b) const {
    return each([&](int i) { return v[i] - b.v[i]; });
  }
  Portable operator*(const Portable& b) const {
    return each([&](int i) { return v[i] * b.v[i]; });
  }
  Portable operator/(const Portable& b) const {
    return each([&](int i) { return v[i] / b.v[i]; });
  }
  static Portable magnitude(const Portable& x) {
    return each([&](int i) { return __builtin_fabsf(x.v[i]); });
  }
  static Portable signed_as(const Portable& x, const Portable& y) {
    return each([&](int i) { return __builtin_copysignf(x.v[i], y.v[i]); });
  }
  static Portable below(const Portable& a, float limit, const Portable& x, const Portable& y) {
    return each([&](int i) { return a.v[i] < limit ? x.v[i] : y.v[i]; });
  }
  static Portable greatest(const Portable& a, const Portable& b) {
    return each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  // Two roundings: std::fma is a slow call where the machine has no instruction for it.
  static Portable fma(const Portable& a, const Portable& b, const Portable& c) {
    return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
  }
  static Portable fraction(const Portable& x) { return at_least_127(x) - floor_of(at_least_127(x)); }
  static Portable scaled(const Portable& p, const Portable& x) {
    // Adding 1.5 x 2^23 + 127 leaves the exponent's bits of 2^floor(x) in the low ones, none for -127.
    const Portable exponent = floor_of(at_least_127(x)) + set(12583039.0f);
    return each([&](int i) { return p.v[i] * std::bit_cast<float>(std::bit_cast<uint32_t>(exponent.v[i]) << 23); });
  }
  static Portable at_least_127(const Portable& x) { return greatest(set(-127.0f), x); }
  static Portable floor_of(const Portable& x) {
    const Portable nearest = x + set(0x1.8p23f) - set(0x1.8p23f);
    return each([&](int i) { return nearest.v[i] > x.v[i] ? nearest.v[i] - 1.0f : nearest.v[i]; });
  }
  static Portable hide(const Portable& x, const Bounds& bounds, int key) {
    return each([&](int i) { return bounds.first[i] <= key && key < bounds.end[i] ? x.v[i] : -__builtin_inff(); });
  }
  static Portable sums(const Portable (&x)[kLanes]) {
    return each([&](int i) {
      const float* v = x[i].v;
      return ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7]));
    });
  }
  static void transpose_block(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
    for (int i = 0; i < kBlock; ++i) {
      for (int j = 0; j < kBlock; ++j) to[j * to_stride + i] = from[i * from_stride + j];
    }
  }
};

}  // namespace

const VectorOps* portable_ops() {
  static const VectorOps ops = {"portable C++",
                                32,
                                exp2_loop<Portable>,
                                cap_scores_loop<Portable>,
                                fold_scores_loop<Portable>,
                                fold_output_loop<Portable>,
                                score_rows_loop<Portable>,
                                weigh_rows_loop<Portable>,
                                transpose_loop<Portable>,
                                load_floats};
  return &ops;
}

}  // namespace ringfold
