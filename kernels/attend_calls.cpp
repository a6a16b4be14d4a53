#include "kernels/attend_calls.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace ringfold {
namespace {

/// Consecutive positions of one sequence whose K and V stand in consecutive rows.
struct Keys {
  int64_t begin = 0;
  int64_t end = 0;
  const std::byte* k = nullptr;  ///< of `begin`, and of the first kv head of interest
  const std::byte* v = nullptr;
  CallStrides k_strides;
  CallStrides v_strides;
};

const std::byte* at(const Tensor& tensor, int64_t row, int64_t head) {
  return tensor.data +
         ((head - tensor.heads.begin) * tensor.head_stride + row * tensor.row_stride) * bytes_of(tensor.dtype);
}

CallStrides strides_of(const Tensor& tensor) { return {tensor.row_stride, tensor.head_stride}; }

/// Does b stand in memory right behind a?
bool follows(const Keys& a, const Keys& b, int64_t element) {
  const int64_t rows = a.end - a.begin;
  return a.k_strides == b.k_strides && a.v_strides == b.v_strides && b.k == a.k + rows * a.k_strides.row * element &&
         b.v == a.v + rows * a.v_strides.row * element;
}

std::vector<int64_t> kv_head_cuts(const AttendTask& task) {
  const int64_t begin = task.q.heads.begin / task.group;
  const int64_t end = (task.q.heads.end + task.group - 1) / task.group;
  std::vector<int64_t> cuts{begin, end};
  if (task.q.heads.begin % task.group != 0) cuts.push_back(begin + 1);
  if (task.q.heads.end % task.group != 0) cuts.push_back(end - 1);
  for (const KvPiece& piece : task.kv) {
    cuts.push_back(std::clamp(piece.k.heads.begin, begin, end));
    cuts.push_back(std::clamp(piece.k.heads.end, begin, end));
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  return cuts;
}

/// What is there of the sequence's keys for the kv heads, by position.
std::vector<Keys> keys_of(const AttendTask& task, int64_t sequence, const AttendHeads& heads) {
  std::vector<Keys> keys;
  for (const KvPiece& piece : task.kv) {
    if (!heads.reads(piece)) continue;
    for (size_t i = 0; i < piece.k.segments.size(); ++i) {
      const Segment& k = piece.k.segments[i];
      const Segment& v = piece.v.segments[i];
      if (k.sequence != sequence || k.begin == k.end) continue;
      keys.push_back({k.begin, k.end, at(piece.k, k.row, heads.kv_heads.begin),
                      at(piece.v, v.row, heads.kv_heads.begin), strides_of(piece.k), strides_of(piece.v)});
    }
  }
  std::sort(keys.begin(), keys.end(), [](const Keys& a, const Keys& b) { return a.begin < b.begin; });
  return keys;
}

/// Writes the calls of one region.
class RegionWriter {
 public:
  RegionWriter(const AttendTask& task, Diagonals diagonals, const Segment& q, int64_t state_row,
               const AttendHeads& heads, AttendRegion& region)
      : task_(task),
        diagonals_(diagonals),
        element_(bytes_of(task.q.dtype)),
        q_(q),
        q_data_(at(task.q, q.row, region.query_heads.begin)),
        state_row_(state_row),
        heads_(heads),
        region_(region) {}

  void write() {
    find_keys();
    for (const Keys& keys : open_) add(q_.begin, q_.end, keys, false);
    for (const Keys& keys : masked_) add_masked(q_.begin, q_.end, keys);
  }

  /// With keys that are copied together, so that no query is in two calls; false if there is no need, or no such way.
  bool write_gathered() {
    find_keys();
    std::vector<Keys> all = open_;
    all.insert(all.end(), masked_.begin(), masked_.end());
    if (all.size() < 2) return false;
    std::sort(all.begin(), all.end(), [](const Keys& x, const Keys& y) { return x.begin < y.begin; });
    // Moved closer, keys that everybody sees stay in everybody's window.
    const bool comes_last = masked_.empty() || !is_windowed() || open_end_ <= masked_.front().begin;
    if (!is_closed_ && (masked_.size() > 1 || !comes_last)) return false;
    if (!is_closed_ && !masked_.empty()) {
      // As if all that everybody sees stood right before the first key that not everybody sees.
      all = open_;
      all.push_back(masked_.front());
    }
    int64_t rows = 0;
    for (const Keys& keys : all) {
      region_.gathered.push_back({keys.k, keys.v, keys.k_strides, keys.v_strides, keys.end - keys.begin});
      rows += keys.end - keys.begin;
    }
    const int64_t heads = heads_.kv_heads.size();
    const CallStrides strides{2 * heads * task_.dim, 2 * task_.dim};
    const int64_t end = masked_.empty() ? open_end_ : std::max(open_end_, masked_.back().end);
    const Keys together{end - rows, end, nullptr, at_offset(task_.dim * element_), strides, strides};
    if (masked_.empty()) {
      add(q_.begin, q_.end, together, false);
    } else {
      add_masked(q_.begin, q_.end, together);
    }
    return true;
  }

  /// Where a region must be cut for that: the first masked key, if queries before it see others.
  std::optional<int64_t> late_keys() {
    find_keys();
    if (open_.empty() || masked_.empty() || masked_.front().begin <= q_.begin) return std::nullopt;
    return masked_.front().begin < q_.end ? std::optional(masked_.front().begin) : std::nullopt;
  }

 private:
  bool is_windowed() const { return task_.mask.kind == MaskKind::window; }

  /// Does each query see each of the keys?
  bool all_see(const Keys& keys) const {
    if (task_.mask.kind == MaskKind::full) return true;
    return keys.end - 1 <= q_.begin && (!is_windowed() || keys.begin > q_.end - 1 - task_.mask.window);
  }

  void find_keys() {
    keys_ = keys_of(task_, q_.sequence, heads_);
    join([](const Keys& a, const Keys& b) { return a.end == b.begin; });
    masked_.clear();
    open_.clear();
    open_end_ = 0;
    is_closed_ = true;
    const Keys* before = nullptr;
    for (const Keys& keys : keys_) {
      if (is_windowed() && keys.end - 1 <= q_.begin - task_.mask.window) continue;  // nobody sees them
      if (all_see(keys)) {
        open_.push_back(keys);
        open_end_ = std::max(open_end_, keys.end);
      } else if (keys.begin < q_.end) {
        masked_.push_back(keys);
      } else {
        break;
      }
      is_closed_ = is_closed_ && (before == nullptr || before->end == keys.begin);
      before = &keys;
    }
    // Where all is seen, positions do not matter.
    keys_ = std::move(open_);
    std::sort(keys_.begin(), keys_.end(), [](const Keys& a, const Keys& b) { return a.k < b.k; });
    join([](const Keys&, const Keys&) { return true; });
    open_ = std::move(keys_);
  }

  static const std::byte* at_offset(int64_t bytes) { return reinterpret_cast<const std::byte*>(bytes); }

  template <typename Allowed>
  void join(Allowed&& allowed) {
    std::vector<Keys> joined;
    for (const Keys& keys : keys_) {
      if (!joined.empty() && follows(joined.back(), keys, element_) && allowed(joined.back(), keys)) {
        joined.back().end += keys.end - keys.begin;
      } else {
        joined.push_back(keys);
      }
    }
    keys_ = std::move(joined);
  }

  /// Queries [begin, end) against keys of which some see all, some or none.
  void add_masked(int64_t begin, int64_t end, Keys keys) {
    int64_t first = keys.begin;
    if (is_windowed()) {
      first = std::max(first, begin - task_.mask.window + 1);
      end = std::min(end, keys.end - 1 + task_.mask.window);
    }
    begin = std::max(begin, keys.begin);
    const int64_t last = std::min(keys.end, end);
    if (begin >= end || first >= last) return;
    keys.k += (first - keys.begin) * keys.k_strides.row * element_;
    keys.v += (first - keys.begin) * keys.v_strides.row * element_;
    keys.begin = first;
    keys.end = last;
    if (diagonals_ == Diagonals::in_the_corner && begin < last && last < end) {
      add_masked(begin, last, keys);
      add_masked(last, end, keys);
      return;
    }
    // Libraries take a window over no more queries than keys.
    if (is_windowed() && end - begin > last - first) {
      const int64_t middle = begin + (end - begin) / 2;
      add_masked(begin, middle, keys);
      add_masked(middle, end, keys);
      return;
    }
    add(begin, end, keys, true);
  }

  void add(int64_t begin, int64_t end, const Keys& keys, bool is_masked) {
    AttendCall call;
    call.q = q_data_ + (begin - q_.begin) * task_.q.row_stride * element_;
    call.k = keys.k;
    call.v = keys.v;
    call.q_strides = strides_of(task_.q);
    call.k_strides = keys.k_strides;
    call.v_strides = keys.v_strides;
    call.q_rows = end - begin;
    call.kv_rows = keys.end - keys.begin;
    call.is_masked =
        is_masked && !(keys.end - 1 <= begin && (!is_windowed() || keys.begin > end - 1 - task_.mask.window));
    if (call.is_masked) {
      call.offset = begin - keys.begin;
      // One that hides nothing is none: libraries are told 32 bits of it.
      call.window = is_windowed() && task_.mask.window < call.offset + call.q_rows ? task_.mask.window : 0;
    }
    call.row = state_row_ + begin - q_.begin;
    region_.calls.push_back(call);
  }

  const AttendTask& task_;
  Diagonals diagonals_;
  int64_t element_;
  const Segment& q_;
  const std::byte* q_data_;
  int64_t state_row_;
  const AttendHeads& heads_;
  std::vector<Keys> keys_;
  std::vector<Keys> open_;    ///< each query sees all of them
  std::vector<Keys> masked_;  ///< some queries see some of them
  int64_t open_end_ = 0;      ///< behind the last of those that each sees
  bool is_closed_ = true;     ///< no position is missing between those that anybody sees
  AttendRegion& region_;
};

/// The regions of consecutive queries that stand in state rows from `row` on.
void add_regions(const AttendTask& task, const Segment& q, int64_t row, const AttendHeads& heads,
                 const SplitOptions& options, std::vector<AttendRegion>& regions) {
  AttendRegion region{heads.query_heads, heads.kv_heads.size(), row, q.end - q.begin, {}, {}};
  RegionWriter writer(task, options.diagonals, q, row, heads, region);
  const std::optional<int64_t> late = options.gathers ? writer.late_keys() : std::nullopt;
  if (late) {
    // Those before see the same keys, those from here on more and more.
    add_regions(task, {q.sequence, q.begin, *late, q.row}, row, heads, options, regions);
    const int64_t skipped = *late - q.begin;
    add_regions(task, {q.sequence, *late, q.end, q.row + skipped}, row + skipped, heads, options, regions);
    return;
  }
  if (!options.gathers || !writer.write_gathered()) writer.write();
  regions.push_back(std::move(region));
}

}  // namespace

bool AttendRegion::has_one_call_a_row() const {
  std::vector<std::pair<int64_t, int64_t>> spans;
  for (const AttendCall& call : calls) spans.emplace_back(call.row, call.q_rows);
  std::sort(spans.begin(), spans.end());
  int64_t next = row;
  for (const auto& [first, count] : spans) {
    if (first != next) return false;
    next += count;
  }
  return next == row + rows && !calls.empty();
}

std::vector<AttendHeads> attend_heads(const AttendTask& task) {
  std::vector<AttendHeads> all;
  const std::vector<int64_t> cuts = kv_head_cuts(task);
  for (size_t cut = 0; cut + 1 < cuts.size(); ++cut) {
    const HeadRange kv_heads{cuts[cut], cuts[cut + 1]};
    all.push_back({{std::max(task.q.heads.begin, kv_heads.begin * task.group),
                    std::min(task.q.heads.end, kv_heads.end * task.group)},
                   kv_heads});
  }
  return all;
}

std::vector<AttendRegion> split_attend(const AttendTask& task, const SplitOptions& options) {
  std::vector<AttendRegion> regions;
  for (const AttendHeads& heads : attend_heads(task)) {
    for (size_t i = 0; i < task.q.segments.size(); ++i) {
      const Segment& q = task.q.segments[i];
      if (q.begin == q.end) continue;
      add_regions(task, q, task.state.o.segments[i].row, heads, options, regions);
    }
  }
  return regions;
}

}  // namespace ringfold
