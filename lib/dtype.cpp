#include "lib/dtype.h"

#include <cstring>

namespace ringfold {

namespace {

template <auto kConvert>
void load_halves(const void* from, int64_t count, float* to) {
  const auto* source = static_cast<const uint16_t*>(from);
  for (int64_t i = 0; i < count; ++i) to[i] = kConvert(source[i]);
}

template <auto kConvert>
void store_halves(const float* from, int64_t count, void* to) {
  auto* target = static_cast<uint16_t*>(to);
  for (int64_t i = 0; i < count; ++i) target[i] = kConvert(from[i]);
}

}  // namespace

void load_floats(DType dtype, const void* from, int64_t count, float* to) {
  if (count <= 0) return;
  switch (dtype) {
    case DType::fp32: std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float)); return;
    case DType::bf16: load_halves<bf16_to_float>(from, count, to); return;
    case DType::fp16: load_halves<fp16_to_float>(from, count, to); return;
  }
}

void store_floats(DType dtype, const float* from, int64_t count, void* to) {
  if (count <= 0) return;
  switch (dtype) {
    case DType::fp32: std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float)); return;
    case DType::bf16: store_halves<float_to_bf16>(from, count, to); return;
    case DType::fp16: store_halves<float_to_fp16>(from, count, to); return;
  }
}

}  // namespace ringfold
