#include "kernels/gather_pages.h"

#include "kernels/round_up.h"
#include "kernels/rows.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace ringfold {
namespace {

/// Of each sequence, positions [begin, end) of all keys that its queries see.
std::map<int64_t, TokenRange> seen_keys(const AttendTask& task) {
  std::map<int64_t, TokenRange> seen;
  for (const Segment& q : task.q.segments) {
    if (q.begin == q.end) continue;
    TokenRange keys{q.sequence, 0, std::numeric_limits<int64_t>::max()};
    if (task.mask.kind != MaskKind::full) keys.end = q.end;
    if (task.mask.kind == MaskKind::window) keys.begin = std::max<int64_t>(0, q.begin + 1 - task.mask.window);
    const auto [found, is_new] = seen.emplace(q.sequence, keys);
    if (is_new) continue;
    found->second.begin = std::min(found->second.begin, keys.begin);
    found->second.end = std::max(found->second.end, keys.end);
  }
  return seen;
}

/// Rows of a plane without pages and gaps, by position; rows that follow each other are one segment.
std::vector<Segment> dense_segments(const Tensor& paged, const std::map<int64_t, TokenRange>& seen) {
  std::vector<Segment> dense;
  int64_t row = 0;
  for (const Segment& segment : paged.segments) {
    const auto found = seen.find(segment.sequence);
    if (found == seen.end()) continue;
    const int64_t begin = std::max(segment.begin, found->second.begin);
    const int64_t end = std::min(segment.end, found->second.end);
    if (begin >= end) continue;
    if (!dense.empty() && dense.back().sequence == segment.sequence && dense.back().end == begin) {
      dense.back().end = end;
    } else {
      dense.push_back({segment.sequence, begin, end, row});
    }
    row += end - begin;
  }
  return dense;
}

}  // namespace

GatheredPages gather_pages(const AttendTask& task, std::byte* memory) {
  GatheredPages gathered{task, {}, 0};
  const auto seen = seen_keys(task);
  const auto gather = [&](Tensor& plane) {
    if (plane.page_size == 0) return;
    Tensor dense = plane;
    dense.page_size = 0;
    dense.segments = dense_segments(plane, seen);
    dense.data = memory + gathered.bytes;
    const int64_t rows = rows_in(dense.segments);
    // Heads side by side stay so: the copy moves them together.
    const bool heads_inside = plane.head_stride == task.dim;
    dense.row_stride = heads_inside ? task.dim * plane.heads.size() : task.dim;
    dense.head_stride = heads_inside ? task.dim : task.dim * rows;
    const int64_t bytes = rows * plane.heads.size() * task.dim * bytes_of(plane.dtype);
    gathered.bytes += round_up(bytes, kScratchAlignment);
    gathered.copies.push_back({plane, dense, task.dim});
    plane = std::move(dense);
  };
  for (KvPiece& piece : gathered.task.kv) {
    gather(piece.k);
    gather(piece.v);
  }
  return gathered;
}

}  // namespace ringfold
