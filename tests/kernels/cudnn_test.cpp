// cuDNN against the reference and the bounds, through host memory; skipped without a GPU.
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/kernels/gpu_attend.h"
#include "tests/skip.h"

#include <algorithm>
#include <cmath>

namespace ringfold::testing {
namespace {

/// Against the reference kernel. O has 16 bits and so have the weights: within a few steps of the longest V, which a
/// row of the wrong keys may pass; the LSE, in fp32, tells.
void check_case(Kernel& kernel, const AttendCase& input) {
  INFO(describe(input));
  const AttendResult got = attend(kernel, input);
  const AttendResult wanted = attend("cpu_reference", input);
  CHECK(got.poison_intact);
  CHECK(attend(kernel, input) == got);
  const double step = input.dtype == DType::bf16 ? 0x1p-8 : 0x1p-11;
  const auto dim = static_cast<size_t>(input.heads.dim);
  double worst_o = 0;
  double worst_lse = 0;
  REQUIRE(got.lse.size() == wanted.lse.size());
  for (size_t row = 0; row < wanted.lse.size(); ++row) {
    double square = 0;
    for (size_t c = row * dim; c < (row + 1) * dim; ++c) {
      square += std::pow(static_cast<double>(got.o[c]) - static_cast<double>(wanted.o[c]), 2);
    }
    // Channels of V have variance 1.
    worst_o = std::max(worst_o, std::sqrt(square) / (2 * step * std::sqrt(static_cast<double>(dim))));
    if (std::isinf(wanted.lse[row])) {
      CHECK(got.lse[row] == wanted.lse[row]);
      CHECK(square == 0);
      continue;
    }
    const double difference = static_cast<double>(got.lse[row]) - static_cast<double>(wanted.lse[row]);
    worst_lse =
        std::max(worst_lse, std::abs(difference) / (2e-5 * (1 + std::abs(static_cast<double>(wanted.lse[row])))));
  }
  CHECK(worst_o < 1);
  CHECK(worst_lse < 1);
}

TEST_CASE("cudnn keeps within the bounds over masks, dtypes, dims and groups") {
  constexpr int64_t kDims[] = {64, 128, 80};
  const auto kernel = staged_or_skip("cudnn");
  if (kernel) check_masks_and_dtypes(kDims, [&](const AttendCase& input) { check_case(*kernel, input); });
}

TEST_CASE("cudnn takes ragged batches, rows that see nothing and lengths that divide nothing") {
  const auto kernel = staged_or_skip("cudnn");
  if (!kernel) return;
  for (const Mask& mask : {kMasks[0], kMasks[1]}) check_case(*kernel, ragged_case(mask));
  // Where a window cuts through keys that lie apart with gaps between their positions, no one call has all of a
  // query's.
  CHECK_THROWS_AS(attend(*kernel, ragged_case(kMasks[2])), Error);
  check_lengths([&](const AttendCase& input) { check_case(*kernel, input); });
}

TEST_CASE("cudnn passes the criterion on every kind of input") {
  const auto kernel = staged_or_skip("cudnn");
  if (kernel) check_inputs(*kernel, std::vector<SharedKeys>(1));
}

TEST_CASE("what cudnn cannot do is refused with the key") {
  const KernelInfo* info = find_kernel("cudnn");
  if (const auto reason = info->unavailable()) return skip_test(*reason);
  const auto kernel = info->make({});
  Problem problem;
  problem.sequences = {{16, 0}};
  problem.heads = {4, 2, 64};
  CHECK(kernel->capabilities().refuses(problem)->starts_with("problem.dtype:"));
  problem.dtype = DType::bf16;
  CHECK_FALSE(kernel->capabilities().refuses(problem));
  CHECK_FALSE(kernel->capabilities().folds);
  problem.heads.dim = 20;
  CHECK(kernel->capabilities().refuses(problem)->starts_with("problem.heads.dim:"));
}

TEST_CASE("a recorded program makes the same bits as one that is enqueued, with cudnn") { check_recorded("cudnn"); }

}  // namespace
}  // namespace ringfold::testing
