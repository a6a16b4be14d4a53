// cuDNN against the reference and the bounds, through host memory; skipped without a GPU.
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/kernels/gpu_attend.h"
#include "tests/skip.h"

namespace ringfold::testing {
namespace {

TEST_CASE("cudnn keeps within the bounds over masks, dtypes, dims and groups") {
  constexpr int64_t kDims[] = {64, 128, 80};
  const auto kernel = staged_or_skip("cudnn");
  if (kernel) check_masks_and_dtypes(kDims, [&](const AttendCase& input) { check_16_bits(*kernel, input); });
}

TEST_CASE("cudnn takes ragged batches, rows that see nothing and lengths that divide nothing") {
  const auto kernel = staged_or_skip("cudnn");
  if (!kernel) return;
  AttendCase batch = ragged_case(kMasks[0]);
  for (const Mask& mask : {kMasks[0], kMasks[1]}) check_16_bits(*kernel, ragged_case(mask));
  batch.kv = {TokenSet({{0, 0, 345}, {1, 0, 4}, {2, 0, 6}, {4, 5, 30}, {5, 8, 9}})};
  for (const Mask& mask : kMasks) {
    batch.mask = mask;
    check_16_bits(*kernel, batch);
  }
  check_lengths([&](const AttendCase& input) { check_16_bits(*kernel, input); });
}

TEST_CASE("cudnn passes the criterion on every kind of input") {
  const auto kernel = staged_or_skip("cudnn");
  if (kernel) check_inputs(*kernel, std::vector<SharedKeys>(1));
}

TEST_CASE("few queries share out their keys, in any number of pieces, with cudnn") {
  if (const auto kernel = staged_or_skip("cudnn")) {
    check_few_queries([&](const AttendCase& input) { check_16_bits(*kernel, input); });
  }
}

TEST_CASE("cudnn attends in pages of any size, and rotates") {
  const auto kernel = staged_or_skip("cudnn");
  if (!kernel) return;
  check_pages([&](const AttendCase& input) { check_16_bits(*kernel, input); });
  check_variants(*kernel, false);
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
