// What cuDNN says that it takes, asked of the library itself; of an H100 that is only described, where none is here.
#include "kernels/cudnn_support.h"

#include "lib/error.h"
#include "tests/catch.h"
#include "tests/skip.h"

namespace ringfold::testing {
namespace {

/// Null, and the test is skipped, where there is no cuDNN to be asked.
std::unique_ptr<SdpaSupport> described_or_skip() {
  try {
    return std::make_unique<SdpaSupport>(std::nullopt);
  } catch (const Error& error) {
    skip_test(error.what());
    return nullptr;
  }
}

Problem problem_of(DType dtype, int64_t dim, const Mask& mask) {
  Problem problem;
  problem.sequences = {{1000, 24}};
  problem.heads = {8, 2, dim};
  problem.dtype = dtype;
  problem.mask = mask;
  return problem;
}

/// Token by token, 4 query heads and 2 kv heads.
SdpaShape shape_of(int64_t q_rows, int64_t kv_rows, bool is_masked) {
  SdpaShape shape;
  shape.out = DType::bf16;
  shape.query_heads = 4;
  shape.kv_heads = 2;
  shape.q_rows = q_rows;
  shape.kv_rows = kv_rows;
  shape.dim = 128;
  shape.q = shape.o = {4 * 128, 128};
  shape.k = shape.v = {2 * 128, 128};
  shape.lse = {1, q_rows};
  shape.is_masked = is_masked;
  return shape;
}

constexpr Mask kMasks[] = {{MaskKind::causal, 0}, {MaskKind::full, 0}, {MaskKind::window, 37}};

TEST_CASE("a described H100 takes all masks in 16 bits at the head dims of models, and no others") {
  const auto support = described_or_skip();
  if (!support) return;
  for (const Mask& mask : kMasks) {
    for (const DType dtype : {DType::bf16, DType::fp16}) {
      for (const int64_t dim : {8, 64, 80, 96, 128, 192, 256}) {
        INFO(dim);
        CHECK(support->refusal(problem_of(dtype, dim, mask)) == std::nullopt);
      }
      for (const int64_t dim : {20, 100}) {
        const auto reason = support->refusal(problem_of(dtype, dim, mask));
        REQUIRE(reason);
        CHECK(reason->starts_with("problem.heads.dim: " + std::to_string(dim)));
      }
    }
    CHECK(support->refusal(problem_of(DType::fp32, 128, mask))->starts_with("problem.dtype:"));
  }
}

TEST_CASE("a described H100 takes rectangles of all lengths, and diagonals as attends have them") {
  const auto support = described_or_skip();
  if (!support) return;
  for (const auto& [q_rows, kv_rows] : {std::pair<int64_t, int64_t>{1, 1000}, {1000, 1000}, {777, 1}, {1000, 2777}}) {
    INFO(q_rows << " x " << kv_rows);
    CHECK(support->refusal(shape_of(q_rows, kv_rows, false)) == std::nullopt);
    SdpaShape masked = shape_of(q_rows, kv_rows, true);
    CHECK(support->refusal(masked) == std::nullopt);
    masked.offset = kv_rows / 2;  // from the top left corner
    CHECK(support->refusal(masked) == std::nullopt);
    if (kv_rows < q_rows) continue;
    masked.offset = kv_rows - q_rows;  // to the bottom right one
    CHECK(support->refusal(masked) == std::nullopt);
    masked.window = 100;
    CHECK(support->refusal(masked) == std::nullopt);
  }
}

TEST_CASE("what no engine takes is refused in cuDNN's words, in a line") {
  const auto support = described_or_skip();
  if (!support) return;
  SdpaShape shape = shape_of(128, 128, true);
  shape.dtype = shape.out = DType::fp32;
  shape.dim = 512;
  shape.q = shape.k = shape.v = shape.o = {2048, 512};
  const auto none = support->refusal(shape);
  REQUIRE(none);
  CHECK(*none == "no engine takes it");
  shape.dim = 500;
  const auto odd = support->refusal(shape);
  REQUIRE(odd);
  CHECK(odd->find('\n') == std::string::npos);
  CHECK(odd->find("multiple of 8") != std::string::npos);
}

TEST_CASE("the summary names the head dims that are taken, and the device") {
  const auto support = described_or_skip();
  if (!support) return;
  const std::string summary = support->summary();
  CHECK(summary.find("64, 80, 96, 128") != std::string::npos);
  CHECK(summary.find("H100") != std::string::npos);
}

}  // namespace
}  // namespace ringfold::testing
