#include "lib/rotary.h"

#include "lib/inputs.h"
#include "tests/catch.h"

#include <cmath>
#include <numeric>

namespace ringfold {
namespace {

std::vector<float> turned(std::vector<float> row, const Rope& rope, int64_t position, DType dtype = DType::fp32) {
  rotate_row(rope, dtype, position, static_cast<int64_t>(row.size()), row.data());
  return row;
}

std::vector<float> ramp(size_t dim) {
  std::vector<float> row(dim);
  for (size_t c = 0; c < dim; ++c) row[c] = static_cast<float>(c + 1) / 3;
  return row;
}

TEST_CASE("position 0 turns nothing") { CHECK(turned(ramp(8), {}, 0) == ramp(8)); }

TEST_CASE("each pair turns by its own angle, in the style's channels") {
  constexpr int64_t kPosition = 12345;
  for (const RopeStyle style : {RopeStyle::half, RopeStyle::interleaved}) {
    const std::vector<float> before = ramp(8);
    const std::vector<float> after = turned(before, {100, style}, kPosition);
    for (size_t pair = 0; pair < 4; ++pair) {
      const size_t x = style == RopeStyle::half ? pair : 2 * pair;
      const size_t y = style == RopeStyle::half ? pair + 4 : 2 * pair + 1;
      // theta^(-2i / dim) = 10^(-i / 2)
      const long double angle = kPosition * std::pow(10.0L, -static_cast<long double>(pair) / 2);
      const long double c = std::cos(angle), s = std::sin(angle);
      // Three roundings to fp32 of values up to |x| + |y|, and the angle's own to fp64.
      const double allowed = 3 * 0x1p-24 * (before[x] + before[y]);
      CHECK(std::abs(after[x] - static_cast<double>(before[x] * c - before[y] * s)) < allowed);
      CHECK(std::abs(after[y] - static_cast<double>(before[x] * s + before[y] * c)) < allowed);
    }
  }
}

TEST_CASE("products of rotated rows know their distance only") {
  const std::vector<float> q = ramp(16);
  std::vector<float> k = ramp(16);
  std::reverse(k.begin(), k.end());
  const auto product = [&](int64_t q_position, int64_t k_position) {
    const std::vector<float> a = turned(q, {}, q_position), b = turned(k, {}, k_position);
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  CHECK(product(7, 3) == Approx(product(1007, 1003)).epsilon(1e-5));
  CHECK(product(7, 3) != Approx(product(7, 4)).epsilon(1e-2));
}

TEST_CASE("rotated rows are of the dtype") {
  for (const DType dtype : {DType::bf16, DType::fp16}) {
    Problem problem;
    problem.sequences = {{9, 3}};
    problem.heads = {2, 1, 8};
    problem.dtype = dtype;
    problem.rope = Rope{};
    const GeneratedInputs inputs(problem, InputKind::gauss, 1);
    std::vector<float> raw(8), rotated(8), v(8), same(8);
    inputs.read(InputTensor::k, {0, 5, 6}, 0, raw.data());
    inputs.read_rotated(InputTensor::k, {0, 5, 6}, 0, rotated.data());
    CHECK(rotated == turned(raw, {}, 5, dtype));
    CHECK(rotated != raw);
    inputs.read(InputTensor::v, {0, 5, 6}, 0, v.data());
    inputs.read_rotated(InputTensor::v, {0, 5, 6}, 0, same.data());
    CHECK(v == same);
  }
}

}  // namespace
}  // namespace ringfold
