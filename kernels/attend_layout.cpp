#include "kernels/attend_layout.h"

#include "kernels/round_up.h"
#include "lib/error.h"

#include <utility>

namespace ringfold {
namespace {

/// What libraries ask of addresses and strides of what they write.
constexpr int64_t kVector = 16;

/// The call's place in what the task writes.
CallOutput target(const AttendTask& task, const AttendRegion& region, const AttendCall& call) {
  const Tensor& o = task.finish ? task.finish->out : task.state.o;
  const Tensor& lse = task.finish ? task.finish->lse : task.state.lse;
  const auto at = [&](const Tensor& tensor) {
    const int64_t head = region.query_heads.begin - tensor.heads.begin;
    return tensor.data + (head * tensor.head_stride + call.row * tensor.row_stride) * bytes_of(tensor.dtype);
  };
  return {at(o), o.dtype, {o.row_stride, o.head_stride}, at(lse), {lse.row_stride, lse.head_stride}};
}

bool writes_directly(const AttendTask& task, const CallRules& rules, const AttendRegion& region) {
  if (task.fold || !region.has_one_call_a_row()) return false;
  for (const AttendCall& call : region.calls) {
    const CallOutput output = target(task, region, call);
    if (!is_aligned(output.o, output.dtype, output.o_strides, kVector) ||
        (rules.can_write && !rules.can_write(region, call, output)))
      return false;
  }
  return true;
}

/// Scratch memory that is laid out before it is there.
std::byte* take(int64_t bytes, int64_t& taken) {
  return reinterpret_cast<std::byte*>(std::exchange(taken, taken + round_up(bytes, kScratchAlignment)));
}

CallOutput scratch_output(const AttendTask& task, const CallRules& rules, int64_t heads, int64_t rows, int64_t& taken) {
  CallOutput output;
  output.dtype = rules.partial_dtype;
  output.o = take(rows * heads * task.dim * bytes_of(output.dtype), taken);
  output.o_strides = {task.dim, rows * task.dim};
  output.lse = take(rows * heads * bytes_of(DType::fp32), taken);
  output.lse_strides = {1, rows};
  return output;
}

/// What no library's call leaves to be joined may have 16 bits.
void check_partials(const AttendTask& task, const CallRules& rules, const AttendRegion& region) {
  if (rules.merges) return;
  RINGFOLD_CHECK(!task.fold, ExitCode::unavailable,
                 "partial results in 16 bits are too coarse to be folded into a state");
  int64_t rows = 0;
  for (const AttendCall& call : region.calls) {
    RINGFOLD_CHECK(call.row >= rows, ExitCode::unavailable,
                   "keys that lie apart take several calls, whose results in 16 bits are too coarse to be merged");
    rows = call.row + call.q_rows;
  }
}

/// Bytes of K and V of one token.
int64_t row_bytes(int64_t dim, DType dtype, const AttendRegion& region) {
  return 2 * region.kv_heads * dim * bytes_of(dtype);
}

/// The region's keys together at `to`, [token][head][plane][dim], of which its calls are from now on.
void gather(int64_t dim, DType dtype, AttendRegion& region, std::byte* to, std::vector<CopyTask>& copies) {
  const HeadRange heads{0, region.kv_heads};
  const auto copy = [&](const std::byte* from, const CallStrides& strides, std::byte* there, int64_t rows) {
    const std::vector<Segment> all{{0, 0, rows, 0}};
    copies.push_back({{const_cast<std::byte*>(from), dtype, strides.row, strides.head, heads, all},
                      {there, dtype, 2 * region.kv_heads * dim, 2 * dim, heads, all},
                      dim});
  };
  std::byte* row = to;
  for (const KeySpan& span : region.gathered) {
    copy(span.k, span.k_strides, row, span.rows);
    copy(span.v, span.v_strides, row + dim * bytes_of(dtype), span.rows);
    row += span.rows * row_bytes(dim, dtype, region);
  }
  for (AttendCall& call : region.calls) {
    call.k = to + reinterpret_cast<intptr_t>(call.k);
    call.v = to + reinterpret_cast<intptr_t>(call.v);
  }
}

}  // namespace

AttendLayout::AttendLayout(const AttendTask& task, const CallRules& rules)
    : dim(task.dim), dtype(task.q.dtype), regions(split_attend(task, {!rules.merges, rules.diagonals})) {
  for (const AttendRegion& region : regions) {
    check_partials(task, rules, region);
    is_direct.push_back(writes_directly(task, rules, region));
    int64_t rows = 0;
    for (const KeySpan& span : region.gathered) rows += span.rows;
    gathers.push_back(rows == 0 ? nullptr : take(rows * row_bytes(dim, dtype, region), scratch_bytes));
    outputs.emplace_back();
    for (const AttendCall& call : region.calls) {
      outputs.back().push_back(
          is_direct.back() ? target(task, region, call)
                           : scratch_output(task, rules, region.query_heads.size(), call.q_rows, scratch_bytes));
    }
  }
}

std::vector<CopyTask> AttendLayout::place_scratch(std::byte* memory) {
  std::vector<CopyTask> copies;
  for (size_t i = 0; i < regions.size(); ++i) {
    if (!regions[i].gathered.empty()) {
      gather(dim, dtype, regions[i], memory + reinterpret_cast<intptr_t>(gathers[i]), copies);
    }
    if (is_direct[i]) continue;
    for (CallOutput& output : outputs[i]) {
      output.o = memory + reinterpret_cast<intptr_t>(output.o);
      output.lse = memory + reinterpret_cast<intptr_t>(output.lse);
    }
  }
  return copies;
}

}  // namespace ringfold
