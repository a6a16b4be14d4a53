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
  static Portable power(const Portable& t) {
    return each([&](int i) { return std::bit_cast<float>(std::bit_cast<uint32_t>(t.v[i]) << 23); });
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
