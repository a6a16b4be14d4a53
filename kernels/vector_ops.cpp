#include "kernels/vector_ops.h"

#include <array>

namespace ringfold {

namespace {

struct Available {
  std::array<const VectorOps*, 3> ops{};
  size_t count = 0;

  Available() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx2"))
      add(avx512_ops());
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
      add(avx2_ops());
    }
#endif
    add(portable_ops());
  }
  void add(const VectorOps* one) {
    if (one) ops[count++] = one;
  }
};

}  // namespace

std::span<const VectorOps* const> vector_ops() {
  static const Available available;
  return {available.ops.data(), available.count};
}

}  // namespace ringfold
