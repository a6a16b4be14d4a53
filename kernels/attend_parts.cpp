#include "kernels/attend_parts.h"

#include "kernels/call_strides.h"
#include "kernels/decode_launch.h"
#include "kernels/rows.h"

#include <algorithm>
#include <set>

namespace ringfold {
namespace {

/// What the kernel asks of addresses and strides.
constexpr int64_t kVector = 16;

bool is_aligned(const Tensor& tensor) {
  return is_aligned(tensor.data, tensor.dtype, {tensor.row_stride, tensor.head_stride}, kVector);
}

bool decode_takes(const AttendTask& task) {
  if (task.q.dtype == DType::fp32 || std::ranges::find(kDecodeDims, task.dim) == std::end(kDecodeDims)) return false;
  return is_aligned(task.q) &&
         std::ranges::all_of(task.kv, [](const KvPiece& piece) { return is_aligned(piece.k) && is_aligned(piece.v); });
}

void keep_sequences(Tensor& tensor, const std::set<int64_t>& sequences, bool wanted) {
  std::erase_if(tensor.segments,
                [&](const Segment& segment) { return sequences.contains(segment.sequence) != wanted; });
}

AttendTask part_of(const AttendTask& task, const std::set<int64_t>& sequences, bool wanted) {
  AttendTask part = task;
  keep_sequences(part.q, sequences, wanted);
  keep_sequences(part.state.o, sequences, wanted);
  keep_sequences(part.state.lse, sequences, wanted);
  if (part.finish) {
    keep_sequences(part.finish->out, sequences, wanted);
    keep_sequences(part.finish->lse, sequences, wanted);
  }
  for (KvPiece& piece : part.kv) {
    keep_sequences(piece.k, sequences, wanted);
    keep_sequences(piece.v, sequences, wanted);
  }
  std::erase_if(part.kv, [](const KvPiece& piece) { return rows_in(piece.k.segments) == 0; });
  return part;
}

}  // namespace

AttendParts split_by_queries(const AttendTask& task) {
  std::set<int64_t> few;
  if (decode_takes(task)) {
    constexpr int64_t kMostRows = kDecodeRows[std::size(kDecodeRows) - 1];
    for (const Segment& segment : task.q.segments) {
      const int64_t tokens = rows_in(segments_of(task.q.segments, segment.sequence));
      if (tokens * task.group <= kMostRows) few.insert(segment.sequence);
    }
  }
  return {part_of(task, few, true), part_of(task, few, false)};
}

}  // namespace ringfold
