#include "lib/dtype.h"

#include "tests/catch.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace ringfold {
namespace {

/// Every finite value of a 16-bit format from its definition: sign, exponent, fraction.
double value_of(uint16_t bits, int exponent_bits) {
  const int fraction_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(bits & ((1 << fraction_bits) - 1), -fraction_bits);
  const double magnitude = exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
  return bits & 0x8000 ? -magnitude : magnitude;
}

struct Format {
  DType dtype;
  int exponent_bits;
  uint16_t infinity;
  float (*load)(uint16_t);
  uint16_t (*store)(float);
};
const Format kFormats[] = {{DType::bf16, 8, 0x7f80, bf16_to_float, float_to_bf16},
                           {DType::fp16, 5, 0x7c00, fp16_to_float, float_to_fp16}};

TEST_CASE("every 16-bit value is read as its definition says and survives a round trip") {
  for (const Format& format : kFormats) {
    for (uint32_t i = 0; i < 0x10000; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      const float value = format.load(bits);
      const uint16_t magnitude = bits & 0x7fff;
      if (magnitude > format.infinity) {
        REQUIRE(std::isnan(value));
        REQUIRE(std::isnan(format.load(format.store(value))));
        REQUIRE((format.store(value) & 0x8000) == (bits & 0x8000));
        continue;
      }
      if (magnitude == format.infinity) {
        REQUIRE(std::isinf(value));
      } else {
        REQUIRE(static_cast<double>(value) == value_of(bits, format.exponent_bits));
      }
      REQUIRE(std::signbit(value) == (bits >= 0x8000));
      REQUIRE(format.store(value) == bits);
    }
  }
}

TEST_CASE("between two neighbours the nearer one is taken, midway the even one") {
  for (const Format& format : kFormats) {
    for (uint16_t bits = 0; bits + 1 < format.infinity; ++bits) {
      const float low = format.load(bits);
      const float high = format.load(static_cast<uint16_t>(bits + 1));
      const float middle = low + (high - low) / 2;
      const auto even = static_cast<uint16_t>(bits + bits % 2);
      REQUIRE(format.store(middle) == even);
      REQUIRE(format.store(-middle) == (even | 0x8000));
      REQUIRE(format.store(std::nextafter(middle, 0.0f)) == bits);
      REQUIRE(format.store(std::nextafter(middle, high * 2)) == bits + 1);
    }
  }
}

TEST_CASE("values beyond the largest finite one round to infinity from midway on") {
  CHECK(float_to_fp16(65519.996f) == 0x7bff);
  CHECK(float_to_fp16(65520.0f) == 0x7c00);
  CHECK(float_to_fp16(-1e30f) == 0xfc00);
  CHECK(float_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(float_to_bf16(-std::numeric_limits<float>::infinity()) == 0xff80);
  CHECK(float_to_fp16(std::numeric_limits<float>::denorm_min()) == 0);
}

TEST_CASE("NaNs with payloads only in the low bits stay NaNs") {
  for (uint32_t bits : {0x7f800001u, 0xff800001u, 0x7fbfffffu, 0x7fffffffu}) {
    const float nan = std::bit_cast<float>(bits);
    CHECK(std::isnan(bf16_to_float(float_to_bf16(nan))));
    CHECK(std::isnan(fp16_to_float(float_to_fp16(nan))));
    CHECK((float_to_bf16(nan) >> 15) == (bits >> 31));
  }
}

TEST_CASE("bulk conversions equal the scalar ones, at any length") {
  std::mt19937 random(3);
  for (DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    for (int64_t count : {0, 1, 7, 64, 1001}) {
      std::vector<float> values(static_cast<size_t>(count)), back(values.size());
      for (float& value : values) value = std::bit_cast<float>(static_cast<uint32_t>(random()));
      std::vector<std::byte> bytes(static_cast<size_t>(count * bytes_of(dtype)));
      store_floats(dtype, values.data(), count, bytes.data());
      load_floats(dtype, bytes.data(), count, back.data());
      for (size_t i = 0; i < values.size(); ++i) {
        const float expected = round_to(dtype, values[i]);
        const bool equal = std::memcmp(&expected, &back[i], sizeof(float)) == 0;
        REQUIRE((equal || (std::isnan(expected) && std::isnan(back[i]))));
      }
    }
  }
}

}  // namespace
}  // namespace ringfold
