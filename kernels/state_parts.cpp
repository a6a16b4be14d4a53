#include "kernels/state_parts.h"

#include "kernels/rows.h"
#include "lib/error.h"

namespace ringfold {

StateRows state_rows(const Tensor& o, const Tensor* lse) {
  StateRows rows{o.data, o.dtype, o.row_stride, o.head_stride, nullptr, 0, 0};
  if (lse == nullptr) return rows;
  RINGFOLD_INVARIANT(lse->dtype == DType::fp32, "an LSE in {}", to_string(lse->dtype));
  rows.lse = reinterpret_cast<float*>(lse->data);
  rows.lse_row_stride = lse->row_stride;
  rows.lse_head_stride = lse->head_stride;
  return rows;
}

StateRows state_rows(const Tensor& o, const Tensor& lse, int64_t head) {
  return rows_from(state_rows(o, &lse), 0, head - o.heads.begin);
}

StateRows rows_from(StateRows rows, int64_t row, int64_t head) {
  rows.o += (head * rows.o_head_stride + row * rows.o_row_stride) * bytes_of(rows.dtype);
  if (rows.lse != nullptr) rows.lse += head * rows.lse_head_stride + row * rows.lse_row_stride;
  return rows;
}

std::vector<RowSpan> spans_of(std::span<const Segment> segments) {
  std::vector<RowSpan> spans;
  for (const Segment& segment : segments) spans.push_back({segment.row, segment.end - segment.begin});
  return spans;
}

std::vector<StatePart> parts_of(std::span<const StateTensor> states, const Tensor& target) {
  std::vector<StatePart> parts;
  for (const StateTensor& state : states) {
    const HeadRange heads = intersect(target.heads, state.o.heads);
    if (heads.empty()) continue;
    const StateRows rows = state_rows(state.o, state.lse, heads.begin);
    for_common_rows(state.o.segments, target.segments, [&](const CommonRows& common) {
      parts.push_back({rows_from(rows, common.a_row), common.b_row, common.tokens.size(),
                       heads.begin - target.heads.begin, heads.size(), false});
    });
  }
  return parts;
}

}  // namespace ringfold
