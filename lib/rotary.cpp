#include "lib/rotary.h"

#include "lib/dtype.h"

#include <cmath>

namespace ringfold {

void rotate_row(const Rope& rope, DType dtype, int64_t position, int64_t dim, float* row) {
  const bool half = rope.style == RopeStyle::half;
  for (int64_t pair = 0; pair < dim / 2; ++pair) {
    const double exponent = -2.0 * static_cast<double>(pair) / static_cast<double>(dim);
    const double angle = static_cast<double>(position) * std::pow(rope.theta, exponent);
    const double cosine = static_cast<float>(std::cos(angle));
    const double sine = static_cast<float>(std::sin(angle));
    float& first = row[half ? pair : 2 * pair];
    float& second = row[half ? pair + dim / 2 : 2 * pair + 1];
    const double x = first;
    const double y = second;
    first = round_to(dtype, static_cast<float>(x * cosine - y * sine));
    second = round_to(dtype, static_cast<float>(x * sine + y * cosine));
  }
}

}  // namespace ringfold
