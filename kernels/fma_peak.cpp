#include "kernels/fma_peak.h"

#include <cstdint>
#include <ctime>
#include <fstream>

namespace ringfold {

namespace {

constexpr int64_t kRepeats = 200000;  // of kChains each: a few milliseconds
constexpr int kChains = 12;           // more than latency x units of any core so far

#if defined(__x86_64__)
using Vector8 = float __attribute__((vector_size(32)));
using Vector16 = float __attribute__((vector_size(64)));

// Assembly, since nothing may be contracted, hoisted, or kept anywhere but in a register.
#define RINGFOLD_CHAINS(APPLY) \
  APPLY(0) APPLY(1) APPLY(2) APPLY(3) APPLY(4) APPLY(5) APPLY(6) APPLY(7) APPLY(8) APPLY(9) APPLY(10) APPLY(11)
#define RINGFOLD_DECLARE(i) Vector chain##i = term;
#define RINGFOLD_STEP(i) asm volatile("vfmadd213ps %2, %1, %0" : "+v"(chain##i) : "v"(factor), "v"(term));
#define RINGFOLD_RUN                       \
  const Vector factor = Vector{} + 0.999f; \
  const Vector term = Vector{} + 0.001f;   \
  RINGFOLD_CHAINS(RINGFOLD_DECLARE)        \
  for (int64_t i = 0; i < kRepeats; ++i) { \
    RINGFOLD_CHAINS(RINGFOLD_STEP)         \
  }                                        \
  return kRepeats * kChains * 2 * static_cast<int64_t>(sizeof(Vector) / sizeof(float));

__attribute__((target("avx2,fma"))) int64_t run_avx2() {
  using Vector = Vector8;
  RINGFOLD_RUN
}

__attribute__((target("avx512f"))) int64_t run_avx512() {
  using Vector = Vector16;
  RINGFOLD_RUN
}
#endif

// Without vectors of ours to count: what the compiler makes of one lane.
int64_t run_scalar() {
  volatile float result = 0.0f;
  float chains[kChains] = {};
  for (int64_t i = 0; i < kRepeats; ++i) {
    for (float& chain : chains) chain = chain * 0.999f + 0.001f;
  }
  for (const float chain : chains) result = result + chain;
  return kRepeats * kChains * 2;
}

enum class Width { scalar, avx2, avx512 };

Width width() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return Width::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Width::avx2;
#endif
  return Width::scalar;
}

int64_t run_once() {
  switch (width()) {
#if defined(__x86_64__)
    case Width::avx512: return run_avx512();
    case Width::avx2: return run_avx2();
#else
    case Width::avx512:
    case Width::avx2:
#endif
    case Width::scalar: return run_scalar();
  }
  return 0;
}

}  // namespace

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double fma_peak(double seconds) {
  const double begin = thread_seconds();
  double elapsed = 0.0;
  int64_t operations = 0;
  do {
    operations += run_once();
    elapsed = thread_seconds() - begin;
  } while (elapsed < seconds);
  return static_cast<double>(operations) / elapsed;
}

std::string describe_core() {
  std::ifstream file("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    model = line.substr(line.find(':') + 2);
    break;
  }
  switch (width()) {
    case Width::scalar: return model + ", peak by scalar arithmetic";
    case Width::avx2: return model + ", peak by AVX2 FMA";
    case Width::avx512: return model + ", peak by AVX-512 FMA";
  }
  return model;
}

}  // namespace ringfold
