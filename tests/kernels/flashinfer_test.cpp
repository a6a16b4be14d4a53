// FlashInfer against the bounds, through host memory, with both of its kernels; skipped without a GPU. Which kernel
// takes what is tested everywhere.
#include "kernels/flashinfer.h"

#include "kernels/flashinfer_path.h"
#include "tests/catch.h"
#include "tests/kernels/gpu_attend.h"
#include "tests/skip.h"
#include "tests/staged_kernel.h"

namespace ringfold::testing {
namespace {

constexpr int64_t kDims[] = {64, 128};

/// Null, and the test is skipped, without a GPU.
std::unique_ptr<Kernel> staged() { return staged_or_skip("flashinfer"); }
std::unique_ptr<Kernel> for_every_device() {
  if (!staged()) return nullptr;
  return make_staged(make_flashinfer({}, true));
}

void check_case(Kernel& kernel, const AttendCase& input) {
  check_16_bits(kernel, input);
  check_16_bits(kernel, input, Plan::folded);
}

CheckCase checked(Kernel& kernel) {
  return [&](const AttendCase& input) { check_case(kernel, input); };
}

constexpr SharedKeys kShards[] = {
    {1, Folding::in_kernel}, {1, Folding::merged}, {4, Folding::in_kernel}, {4, Folding::merged}};

TEST_CASE("flashinfer keeps within the bounds over masks, dtypes, dims and groups") {
  if (const auto kernel = staged()) check_masks_and_dtypes(kDims, checked(*kernel));
}

TEST_CASE("flashinfer's kernel for every device does too") {
  if (const auto kernel = for_every_device()) check_masks_and_dtypes(kDims, checked(*kernel));
}

TEST_CASE("flashinfer takes ragged batches, rows that see nothing and lengths that divide nothing") {
  for (const auto make : {staged, for_every_device}) {
    const auto kernel = make();
    if (!kernel) return;
    for (const Mask& mask : kMasks) check_case(*kernel, ragged_case(mask));
    check_lengths(checked(*kernel));
  }
}

TEST_CASE("flashinfer passes the criterion on every kind of input, folded and merged") {
  for (const auto make : {staged, for_every_device}) {
    if (const auto kernel = make()) check_inputs(*kernel, kShards);
  }
}

TEST_CASE("few queries share out their keys, where they lie, with flashinfer") {
  if (const auto kernel = staged()) check_few_queries(checked(*kernel));
}

TEST_CASE("flashinfer attends in pages of any size") {
  for (const auto make : {staged, for_every_device}) {
    if (const auto kernel = make()) check_pages(checked(*kernel));
  }
}

TEST_CASE("flashinfer passes the criterion on rotated and capped inputs in pages") {
  for (const auto make : {staged, for_every_device}) {
    if (const auto kernel = make()) check_variants(*kernel, true);
  }
}

TEST_CASE("what flashinfer cannot do is refused with the key") {
  const KernelInfo* info = find_kernel("flashinfer");
  if (const auto reason = info->unavailable()) return skip_test(*reason);
  const auto kernel = info->make({});
  Problem problem;
  problem.sequences = {{16, 0}};
  problem.heads = {4, 2, 64};
  CHECK(kernel->capabilities().refuses(problem)->starts_with("problem.dtype:"));
  problem.dtype = DType::bf16;
  CHECK_FALSE(kernel->capabilities().refuses(problem));
  CHECK(kernel->capabilities().folds);
  problem.heads.dim = 80;
  CHECK(kernel->capabilities().refuses(problem)->starts_with("problem.heads.dim:"));
}

TEST_CASE("a recorded program makes the same bits as one that is enqueued, with flashinfer") {
  check_recorded("flashinfer");
}

/// 40 queries of 4 heads, 2 of them a kv head, at positions 60 to 99, all keys before them and their own.
struct Rectangle {
  AttendRegion region;
  AttendCall call;
  FlashinferCall made() const {
    FlashinferCall result = flashinfer_call(region, call, DType::bf16, 0.5);
    result.o_strides = {64, 64 * 40};
    result.lse_strides = {1, 40};
    return result;
  }
};

Rectangle rectangle() {
  Rectangle result;
  result.region.query_heads = {4, 8};
  result.region.kv_heads = 2;
  AttendCall& call = result.call;
  call.q_strides = call.k_strides = call.v_strides = {64, 64 * 100};
  call.q_rows = 40;
  call.kv_rows = 100;
  call.is_masked = true;
  call.offset = 60;
  return result;
}

TEST_CASE("flashinfer's masks count from the corner") {
  Rectangle input = rectangle();
  CHECK(input.made().is_causal);
  CHECK(input.made().window_left == -1);
  CHECK(input.made().query_heads == 4);
  input.call.window = 80;
  CHECK(input.made().is_causal);
  CHECK(input.made().window_left == 79);
  // The queries behind position 99: nothing is hidden on the right, query 0 sees keys from 100 - 80 + 1 on.
  input.call.offset = 100;
  CHECK_FALSE(input.made().is_causal);
  CHECK(input.made().window_left == 39);
  input.call.is_masked = false;
  input.call.window = 0;
  CHECK_FALSE(input.made().is_causal);
  CHECK(input.made().window_left == -1);
}

TEST_CASE("which of flashinfer's kernels takes what") {
  const FlashinferCall plain = rectangle().made();
  CHECK(flashinfer_path(plain, 64, true) == FlashinferPath::sm90);
  CHECK(flashinfer_path(plain, 64, false) == FlashinferPath::sm80);
  FlashinferCall call = plain;
  call.window_left = 5;
  CHECK(flashinfer_path(call, 64, true) == FlashinferPath::sm80);
  call = plain;
  call.softcap = 30;
  CHECK(flashinfer_path(call, 64, true) == FlashinferPath::sm80);
  call = plain;
  call.o_is_fp32 = false;
  CHECK(flashinfer_path(call, 64, true) == FlashinferPath::sm90);
  CHECK_FALSE(flashinfer_path(call, 64, false));
  call = plain;
  call.o_strides.row = 72;
  CHECK(flashinfer_path(call, 64, true) == FlashinferPath::sm90);
  CHECK_FALSE(flashinfer_path(call, 64, false));
  call = plain;
  call.o_strides = {64 * 4, 64};
  CHECK_FALSE(flashinfer_path(call, 64, false));
  call.lse_strides = {4, 1};
  CHECK(flashinfer_path(call, 64, false) == FlashinferPath::sm80);
  call = plain;
  call.k_strides.row = 68;
  CHECK_FALSE(flashinfer_path(call, 64, true));
  call = plain;
  call.q_strides.row = int64_t{1} << 27;
  CHECK(flashinfer_path(call, 64, true) == FlashinferPath::sm90);
  CHECK_FALSE(flashinfer_path(call, 64, false));
}

}  // namespace
}  // namespace ringfold::testing
