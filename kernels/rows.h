#pragma once

#include "lib/kernel.h"

#include <algorithm>

namespace ringfold {

/// First channel of a row; the head is a global number.
inline std::byte* row_of(const Tensor& tensor, int64_t head, int64_t row) {
  return tensor.data +
         ((head - tensor.heads.begin) * tensor.head_stride + row * tensor.row_stride) * bytes_of(tensor.dtype);
}

inline float* float_row(const Tensor& tensor, int64_t head, int64_t row) {
  return reinterpret_cast<float*>(row_of(tensor, head, row));
}

/// Consecutive tokens that two tensors hold, and the rows at which they start.
struct CommonRows {
  TokenRange tokens;
  int64_t a_row = 0;
  int64_t b_row = 0;
};

/// Calls visit(CommonRows) for each run of tokens that both lists of segments hold, in ascending order.
template <typename Visit>
void for_common_rows(std::span<const Segment> a, std::span<const Segment> b, Visit&& visit) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const Segment& x = a[i];
    const Segment& y = b[j];
    if (x.sequence == y.sequence) {
      const int64_t begin = std::max(x.begin, y.begin);
      const int64_t end = std::min(x.end, y.end);
      if (begin < end) {
        visit(CommonRows{{x.sequence, begin, end}, x.row + begin - x.begin, y.row + begin - y.begin});
      }
    }
    const bool x_ends_first = x.sequence != y.sequence ? x.sequence < y.sequence : x.end <= y.end;
    if (x_ends_first) {
      ++i;
    } else {
      ++j;
    }
  }
}

/// The segments of one sequence.
inline std::span<const Segment> segments_of(std::span<const Segment> segments, int64_t sequence) {
  const auto found = std::ranges::equal_range(segments, sequence, {}, &Segment::sequence);
  return {found.begin(), found.end()};
}

inline int64_t rows_in(std::span<const Segment> segments) {
  int64_t rows = 0;
  for (const Segment& segment : segments) rows += segment.end - segment.begin;
  return rows;
}

}  // namespace ringfold
