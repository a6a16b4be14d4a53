#include "kernels/host_rotation.h"

#include "lib/dtype.h"
#include "lib/rotary.h"
#include "tests/catch.h"
#include "tests/kernels/attend_case.h"

namespace ringfold::testing {
namespace {

/// Rows that are known by their position, head and channel.
std::vector<float> row_at(DType dtype, int64_t position, int64_t head, int64_t dim) {
  std::vector<float> row;
  for (int64_t c = 0; c < dim; ++c) {
    row.push_back(round_to(dtype, static_cast<float>((position * 31 + head * 7 + c * 3) % 101 - 50) / 17.0f));
  }
  return row;
}

TEST_CASE("the host turns rows bit by bit as defined, whatever rows they lie in") {
  const TokenSet held({{0, 3, 9}, {0, 100, 117}, {2, 0, 4}});
  const TokenSet wanted({{0, 5, 9}, {0, 110, 112}, {2, 1, 4}});
  for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
    for (const RopeStyle style : {RopeStyle::half, RopeStyle::interleaved}) {
      for (const int64_t dim : {2, 6, 64}) {
        for (const bool prepared : {false, true}) {
          const Rope rope{1234.5, style};
          Plane from(dtype, held, {1, 4}, dim, 3, Layout::tokens_outer);
          Plane to(dtype, wanted, {2, 4}, dim);
          for (int64_t head = 1; head < 4; ++head) {
            int64_t index = 0;
            for (const TokenRange& range : held.ranges()) {
              for (int64_t p = range.begin; p < range.end; ++p) from.write(head, index++, row_at(dtype, p, head, dim));
            }
          }
          KernelTask task = RotateTask{from.tensor(), to.tensor(), dim, rope};
          if (prepared) prepare_on_host(task);
          rotate_on_host(std::get<RotateTask>(task));
          for (int64_t head = 2; head < 4; ++head) {
            int64_t index = 0;
            for (const TokenRange& range : wanted.ranges()) {
              for (int64_t p = range.begin; p < range.end; ++p) {
                std::vector<float> expected = row_at(dtype, p, head, dim);
                rotate_row(rope, dtype, p, dim, expected.data());
                CHECK(to.read(head, index++) == expected);
              }
            }
          }
          CHECK(from.poison_intact());
          CHECK(to.poison_intact());
        }
      }
    }
  }
}

}  // namespace
}  // namespace ringfold::testing
