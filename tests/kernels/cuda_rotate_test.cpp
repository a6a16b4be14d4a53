// Rotary embedding on a GPU: the host's bits.
#include "kernels/host_rotation.h"
#include "lib/dtype.h"
#include "tests/catch.h"
#include "tests/kernels/cuda_planes.h"

#include <cmath>
#include <cstring>

namespace ringfold::testing {
namespace {

/// Numbers of any exponent, with zeros, infinities and NaN among them.
std::vector<float> odd_row(DType dtype, int64_t position, int64_t head, int64_t dim) {
  std::vector<float> row;
  for (int64_t c = 0; c < dim; ++c) {
    const int64_t number = position * 31 + head * 7 + c * 3;
    float value = std::ldexp(static_cast<float>(number % 101 - 50) / 17.0f, static_cast<int>(number % 23 - 11));
    if (number % 211 == 5) value = std::numeric_limits<float>::infinity();
    row.push_back(round_to(dtype, value));
  }
  return row;
}

void fill_rows(Plane& plane, int64_t dim) {
  const Tensor& tensor = plane.tensor();
  for (int64_t head = tensor.heads.begin; head < tensor.heads.end; ++head) {
    for (const Segment& segment : tensor.segments) {
      for (int64_t p = segment.begin; p < segment.end; ++p) {
        plane.write(head, segment.row + p - segment.begin, odd_row(tensor.dtype, p, head, dim));
      }
    }
  }
}

struct RotationCase {
  DType dtype = DType::fp32;
  Rope rope;
  int64_t dim = 0;
  int64_t padding = 0;
  int64_t shift = 0;  ///< bytes behind an aligned address
  int64_t page_size = 0;
};

void check_rotation(PlainCudaKernel& kernel, const RotationCase& input, Way way) {
  INFO(to_string(input.dtype) << " " << to_string(input.rope.style) << " dim " << input.dim << " padding "
                              << input.padding << " shift " << input.shift << " pages of " << input.page_size);
  constexpr float kPoison = 123.0f;
  const TokenSet held({{0, 3, 9}, {0, 100, 340}, {2, 0, 4}});
  const TokenSet wanted({{0, 5, 9}, {0, 110, 331}, {2, 1, 4}});
  Plane from(input.dtype, held, {1, 8}, input.dim, input.padding, Layout::tokens_outer, kPoison, input.page_size);
  Plane to(input.dtype, wanted, {2, 8}, input.dim, input.padding, Layout::heads_outer, kPoison, input.page_size);
  fill_rows(from, input.dim);
  const DevicePlane from_there(kernel.gpu(), from, input.shift);
  const DevicePlane to_there(kernel.gpu(), to, input.shift);
  rotate_on_host({from.tensor(), to.tensor(), input.dim, input.rope});
  run(kernel, RotateTask{from_there.tensor(), to_there.tensor(), input.dim, input.rope}, way, &CudaKernel::rotate);
  const std::vector<std::byte> got = to_there.read();
  int64_t different = 0;
  Plane back(to);
  std::memcpy(back.memory().data(), got.data(), got.size());
  for (int64_t head = 2; head < 8; ++head) {
    for (const Segment& segment : to.tensor().segments) {
      for (int64_t i = 0; i < segment.end - segment.begin; ++i) {
        const std::vector<float> expected = to.read(head, segment.row + i);
        const std::vector<float> value = back.read(head, segment.row + i);
        for (size_t c = 0; c < value.size(); ++c) {
          // NaNs may differ in bits that say nothing.
          const bool same =
              std::isnan(expected[c]) ? std::isnan(value[c]) : std::memcmp(&expected[c], &value[c], sizeof(float)) == 0;
          if (!same && different++ == 0) CHECK(expected[c] == value[c]);
        }
      }
    }
  }
  CHECK(different == 0);
  CHECK(back.poison_intact());
}

TEST_CASE("a GPU turns rows with the host's bits, wherever they lie") {
  if (!has_cuda_device()) return;
  PlainCudaKernel kernel;
  int round = 0;
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    for (const RopeStyle style : {RopeStyle::half, RopeStyle::interleaved}) {
      for (const int64_t dim : {2, 6, 64, 128}) {
        for (const int64_t page_size : {0, 7}) {
          RotationCase input{dtype, {1234.5, style}, dim, 0, 0, page_size};
          check_rotation(kernel, input, way_of(round++));
          input.padding = 3;
          check_rotation(kernel, input, way_of(round++));
          input = {dtype, {10000, style}, dim, 0, bytes_of(dtype), page_size};
          check_rotation(kernel, input, way_of(round++));
        }
      }
    }
  }
}

}  // namespace
}  // namespace ringfold::testing
