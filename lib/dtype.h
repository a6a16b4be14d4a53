#pragma once

#include "lib/problem.h"

#include <bit>
#include <cstdint>

namespace ringfold {

// Conversions between fp32 and the 16-bit formats. To 16 bits they round to nearest, ties to even; a NaN stays a
// NaN of the same sign (quiet), what is too large becomes infinite, and subnormal numbers are kept. Without
// branches on data where it matters, so that loops over them vectorise. Constant expressions: they compile for devices.

constexpr uint16_t float_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40u;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

constexpr float bf16_to_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

constexpr uint16_t float_to_fp16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // Normal: move the exponent's bias from 127 to 15 and round away 13 bits.
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  // Subnormal (below 2^-14): one step of fp16 is one step of a float in [0.5, 1), so that addition rounds.
  const float half = std::bit_cast<float>(magnitude < 0x38800000u ? magnitude : 0u) + 0.5f;
  const uint32_t subnormal = std::bit_cast<uint32_t>(half) - 0x3f000000u;
  const uint32_t special = magnitude > 0x7f800000u ? 0x7e00u | ((magnitude >> 13) & 0x3ffu) : 0x7c00u;
  const uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
  // 65520 lies midway between the largest finite number and the next one that would follow.
  return static_cast<uint16_t>(sign | (magnitude >= 0x477ff000u ? special : finite));
}

constexpr float fp16_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t magnitude = bits & 0x7fffu;
  const uint32_t normal = (magnitude << 13) + (112u << 23);
  const uint32_t subnormal = std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  const uint32_t quiet = magnitude > 0x7c00u ? 0x400000u : 0u;
  const uint32_t special = 0x7f800000u | ((magnitude & 0x3ffu) << 13) | quiet;
  const uint32_t finite = magnitude < 0x400u ? subnormal : normal;
  return std::bit_cast<float>(sign | (magnitude >= 0x7c00u ? special : finite));
}

/// The value of the dtype nearest to `value`.
constexpr float round_to(DType dtype, float value) {
  switch (dtype) {
    case DType::fp32: return value;
    case DType::bf16: return bf16_to_float(float_to_bf16(value));
    case DType::fp16: return fp16_to_float(float_to_fp16(value));
  }
  return value;
}

/// Half the distance from 1 to the next number.
constexpr double unit_roundoff(DType dtype) {
  return dtype == DType::fp32 ? 0x1p-24 : dtype == DType::bf16 ? 0x1p-8 : 0x1p-11;
}

/// The smallest number above 0: subnormal numbers are whole multiples of it.
constexpr double smallest_step(DType dtype) {
  return dtype == DType::fp32 ? 0x1p-149 : dtype == DType::bf16 ? 0x1p-133 : 0x1p-24;
}

/// Converts `count` elements between fp32 and the dtype. 16-bit memory is aligned to 2 bytes.
void load_floats(DType dtype, const void* from, int64_t count, float* to);
void store_floats(DType dtype, const float* from, int64_t count, void* to);

}  // namespace ringfold
