// Where the calls of an attend write, without a GPU: addresses that nobody reads.
#include "kernels/attend_layout.h"

#include "lib/error.h"
#include "tests/catch.h"

namespace ringfold {
namespace {

constexpr int64_t kDim = 64;

Tensor tensor_of(intptr_t at, DType dtype, const HeadRange& heads, std::vector<Segment> segments, int64_t channels) {
  Tensor tensor;
  tensor.data = reinterpret_cast<std::byte*>(at);
  tensor.dtype = dtype;
  tensor.heads = heads;
  tensor.segments = std::move(segments);
  int64_t rows = 0;
  for (const Segment& segment : tensor.segments) rows = std::max(rows, segment.row + segment.end - segment.begin);
  tensor.row_stride = channels;
  tensor.head_stride = channels * rows;
  return tensor;
}

/// 16 new tokens after 16 cached ones, 4 query heads and 2 kv heads; the keys in one piece or, with a gap between them
/// in memory, in two.
AttendTask task_of(bool is_apart) {
  const std::vector<Segment> q{{0, 16, 32, 0}};
  AttendTask task;
  task.q = tensor_of(0x10000, DType::bf16, {0, 4}, q, kDim);
  task.state = {tensor_of(0x20000, DType::fp32, {0, 4}, q, kDim), tensor_of(0x30000, DType::fp32, {0, 4}, q, 1)};
  task.mask = {MaskKind::causal, 0};
  task.dim = kDim;
  task.group = 2;
  std::vector<Segment> keys{{0, 0, 32, 0}};
  if (is_apart) keys = {{0, 0, 10, 0}, {0, 10, 32, 11}};
  task.kv.push_back(
      {tensor_of(0x40000, DType::bf16, {0, 2}, keys, kDim), tensor_of(0x50000, DType::bf16, {0, 2}, keys, kDim)});
  return task;
}

intptr_t address(const std::byte* data) { return reinterpret_cast<intptr_t>(data); }

TEST_CASE("one call for each row writes where its results belong, and takes no scratch memory") {
  const AttendTask task = task_of(false);
  const AttendLayout layout(task, {});
  REQUIRE(layout.regions.size() == 1);
  REQUIRE(layout.outputs[0].size() == 1);
  CHECK(layout.is_direct[0]);
  CHECK(layout.outputs[0][0].o == task.state.o.data);
  CHECK(layout.outputs[0][0].lse == task.state.lse.data);
  CHECK(layout.scratch_bytes == 0);
}

TEST_CASE("partial results stand in scratch memory, one behind the other") {
  AttendLayout layout(task_of(true), {});
  REQUIRE(layout.outputs[0].size() == 2);
  CHECK_FALSE(layout.is_direct[0]);
  constexpr int64_t kO = 16 * 4 * kDim * 4;
  constexpr int64_t kLse = 16 * 4 * 4;
  CHECK(layout.scratch_bytes == 2 * (kO + kLse));
  layout.place_scratch(reinterpret_cast<std::byte*>(0x100000));
  CHECK(address(layout.outputs[0][0].o) == 0x100000);
  CHECK(address(layout.outputs[0][0].lse) == 0x100000 + kO);
  CHECK(address(layout.outputs[0][1].o) == 0x100000 + kO + kLse);
  CHECK(layout.outputs[0][1].o_strides == CallStrides{kDim, 16 * kDim});
}

TEST_CASE("what folds, cannot be written there or is off 16 bytes goes through scratch memory") {
  AttendTask folds = task_of(false);
  folds.fold = true;
  CHECK(AttendLayout(folds, {}).scratch_bytes > 0);
  AttendTask off = task_of(false);
  off.state.o.data += 4;
  CHECK(AttendLayout(off, {}).scratch_bytes > 0);
  CallRules only_16_bits;
  only_16_bits.can_write = [](const AttendRegion&, const AttendCall&, const CallOutput& output) {
    return output.dtype != DType::fp32;
  };
  only_16_bits.partial_dtype = DType::bf16;
  AttendTask finished = task_of(false);
  CHECK(AttendLayout(finished, only_16_bits).scratch_bytes == 16 * 4 * (kDim * 2 + 4));
  finished.finish = Finished{finished.state.o, finished.state.lse};
  finished.finish->out.dtype = DType::bf16;
  CHECK(AttendLayout(finished, only_16_bits).scratch_bytes == 0);
}

TEST_CASE("keys that lie apart are copied together for results too coarse to be merged") {
  CallRules coarse;
  coarse.merges = false;
  const AttendTask task = task_of(true);
  AttendLayout layout(task, coarse);
  REQUIRE(layout.regions[0].calls.size() == 1);
  CHECK(layout.is_direct[0]);
  constexpr int64_t kRow = 2 * 2 * kDim * 2;  // K and V of two heads
  CHECK(layout.scratch_bytes == 32 * kRow);
  const auto copies = layout.place_scratch(reinterpret_cast<std::byte*>(0x100000));
  REQUIRE(copies.size() == 4);
  CHECK(copies[0].from.data == task.kv[0].k.data);
  CHECK(address(copies[0].to.data) == 0x100000);
  CHECK(address(copies[1].to.data) == 0x100000 + kDim * 2);
  CHECK(copies[2].from.data == task.kv[0].k.data + 11 * kDim * 2);
  CHECK(address(copies[2].to.data) == 0x100000 + 10 * kRow);
  CHECK(layout.regions[0].calls[0].kv_rows == 32);
  CHECK(address(layout.regions[0].calls[0].k) == 0x100000);
  CHECK(address(layout.regions[0].calls[0].v) == 0x100000 + kDim * 2);
}

TEST_CASE("results too coarse to be merged are refused before there is memory for them") {
  CallRules coarse;
  coarse.merges = false;
  CHECK_NOTHROW(AttendLayout(task_of(false), coarse));
  AttendTask folds = task_of(false);
  folds.fold = true;
  CHECK_THROWS_AS(AttendLayout(folds, coarse), Error);
}

}  // namespace
}  // namespace ringfold
