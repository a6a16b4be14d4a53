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

}  // namespace

AttendLayout::AttendLayout(const AttendTask& task, const CallRules& rules)
    : regions(split_attend(task, rules.diagonals)) {
  for (const AttendRegion& region : regions) {
    check_partials(task, rules, region);
    is_direct.push_back(writes_directly(task, rules, region));
    outputs.emplace_back();
    for (const AttendCall& call : region.calls) {
      outputs.back().push_back(
          is_direct.back() ? target(task, region, call)
                           : scratch_output(task, rules, region.query_heads.size(), call.q_rows, scratch_bytes));
    }
  }
}

void AttendLayout::place_scratch(std::byte* memory) {
  for (size_t i = 0; i < regions.size(); ++i) {
    if (is_direct[i]) continue;
    for (CallOutput& output : outputs[i]) {
      output.o = memory + reinterpret_cast<intptr_t>(output.o);
      output.lse = memory + reinterpret_cast<intptr_t>(output.lse);
    }
  }
}

}  // namespace ringfold
