#include "kernels/attend_calls.h"

#include "lib/random_draws.h"
#include "lib/schedule.h"
#include "tests/catch.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace ringfold {
namespace {

struct Key {
  int64_t sequence;
  int64_t position;
  int64_t head;
};

/// Tensors over addresses that nobody reads; each (row, head) of K and V knows what it holds.
class Addresses {
 public:
  /// Rows of `segments` (sequence, begin, end), one behind the other.
  Tensor make(const std::vector<Segment>& segments, const HeadRange& heads, Layout layout, bool is_key,
              const std::byte* at = nullptr) {
    Tensor tensor;
    tensor.dtype = DType::bf16;
    tensor.heads = heads;
    tensor.segments = segments;
    int64_t rows = 0;
    for (Segment& segment : tensor.segments) {
      segment.row = rows;
      rows += segment.end - segment.begin;
    }
    tensor.row_stride = layout == Layout::heads_outer ? kDim : kDim * heads.size();
    tensor.head_stride = layout == Layout::heads_outer ? kDim * rows : kDim;
    tensor.data = at != nullptr ? const_cast<std::byte*>(at) : next_;
    if (at == nullptr) next_ += 2 * kDim * rows * heads.size() + 4096;
    for (const Segment& segment : tensor.segments) {
      for (int64_t p = segment.begin; is_key && p < segment.end; ++p) {
        for (int64_t head = heads.begin; head < heads.end; ++head) {
          const int64_t element =
              (segment.row + p - segment.begin) * tensor.row_stride + (head - heads.begin) * tensor.head_stride;
          keys[tensor.data + 2 * element] = {segment.sequence, p, head};
        }
      }
    }
    return tensor;
  }
  std::byte* end_of(const Tensor& tensor) const {
    int64_t rows = 0;
    for (const Segment& segment : tensor.segments) rows += segment.end - segment.begin;
    return tensor.data + 2 * rows * tensor.row_stride;
  }

  static constexpr int64_t kDim = 8;
  std::map<const std::byte*, Key> keys;

 private:
  std::byte* next_ = reinterpret_cast<std::byte*>(uintptr_t{1} << 40);
};

/// Does one call compute all of the region?
bool is_one_call(const AttendRegion& region) {
  return region.calls.size() == 1 && region.calls[0].q_rows == region.rows;
}

bool sees(const Mask& mask, int64_t query, int64_t key) {
  if (mask.kind == MaskKind::full) return true;
  return key <= query && (mask.kind == MaskKind::causal || key > query - mask.window);
}

/// Where the j-th K and V of a call stand.
std::pair<const std::byte*, const std::byte*> key_of(const AttendRegion& region, const AttendCall& call, int64_t j,
                                                     int64_t head) {
  KeySpan span{call.k, call.v, call.k_strides, call.v_strides, call.kv_rows};
  if (!region.gathered.empty()) {
    // Counted from the copy's first byte, K of a head before its V.
    const auto first = reinterpret_cast<intptr_t>(call.k);
    REQUIRE(first % (2 * call.k_strides.row) == 0);
    REQUIRE(reinterpret_cast<intptr_t>(call.v) == first + 2 * Addresses::kDim);
    REQUIRE(call.k_strides == CallStrides{2 * region.kv_heads * Addresses::kDim, 2 * Addresses::kDim});
    j += first / (2 * call.k_strides.row);
  }
  for (const KeySpan& gathered : region.gathered) {
    span = gathered;
    if (j < span.rows) break;
    j -= span.rows;
  }
  return {span.k + 2 * (j * span.k_strides.row + head * span.k_strides.head),
          span.v + 2 * (j * span.v_strides.row + head * span.v_strides.head)};
}

/// How often each (sequence, query, key, query head) is attended, by what the calls' addresses hold.
using Seen = std::map<std::tuple<int64_t, int64_t, int64_t, int64_t>, int>;

Seen attended(const AttendTask& task, const Addresses& memory, const std::vector<AttendRegion>& regions) {
  Seen seen;
  for (const AttendRegion& region : regions) {
    for (const AttendCall& call : region.calls) {
      const int64_t ratio = region.query_heads.size() / region.kv_heads;
      REQUIRE(region.query_heads.size() % region.kv_heads == 0);
      REQUIRE(call.offset >= 0);
      REQUIRE((call.window == 0 || call.q_rows <= call.kv_rows));
      REQUIRE((call.window == 0 || call.window < call.offset + call.q_rows));
      for (int64_t h = 0; h < region.query_heads.size(); ++h) {
        for (int64_t i = 0; i < call.q_rows; ++i) {
          const std::byte* q = call.q + 2 * (i * call.q_strides.row + h * call.q_strides.head);
          const int64_t element = (q - task.q.data) / 2;
          for (int64_t j = 0; j < call.kv_rows; ++j) {
            if (call.is_masked && (j > i + call.offset || (call.window > 0 && j <= i + call.offset - call.window))) {
              continue;
            }
            const auto [k, v] = key_of(region, call, j, h / ratio);
            const Key& key = memory.keys.at(k);
            REQUIRE(memory.keys.at(v).position == key.position);
            // The query's row tells its position; its address must agree.
            for (size_t s = 0; s < task.q.segments.size(); ++s) {
              const Segment& segment = task.state.o.segments[s];
              const int64_t row = call.row + i;
              if (row < segment.row || row >= segment.row + segment.end - segment.begin) continue;
              const int64_t position = segment.begin + row - segment.row;
              REQUIRE(segment.sequence == key.sequence);
              const int64_t q_row = task.q.segments[s].row + row - segment.row;
              const int64_t head = region.query_heads.begin + h;
              REQUIRE(element == q_row * task.q.row_stride + (head - task.q.heads.begin) * task.q.head_stride);
              REQUIRE(head / task.group == key.head);
              ++seen[{key.sequence, position, key.position, head}];
            }
          }
        }
      }
    }
  }
  return seen;
}

Seen wanted(const AttendTask& task) {
  Seen seen;
  for (const KvPiece& piece : task.kv) {
    for (const Segment& k : piece.k.segments) {
      for (const Segment& q : task.q.segments) {
        if (q.sequence != k.sequence) continue;
        for (int64_t i = q.begin; i < q.end; ++i) {
          for (int64_t j = k.begin; j < k.end; ++j) {
            for (int64_t head = task.q.heads.begin; head < task.q.heads.end; ++head) {
              const int64_t kv_head = head / task.group;
              if (kv_head < piece.k.heads.begin || kv_head >= piece.k.heads.end || !sees(task.mask, i, j)) continue;
              ++seen[{q.sequence, i, j, head}];
            }
          }
        }
      }
    }
  }
  return seen;
}

class Draws {
 public:
  explicit Draws(uint64_t seed) : draws_(seed) {}
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(draws_.below(static_cast<uint64_t>(most - least + 1)));
  }

 private:
  RandomDraws draws_;
};

AttendTask make_task(Addresses& memory, const std::vector<Segment>& queries, const HeadRange& heads, int64_t group) {
  AttendTask task;
  task.dim = Addresses::kDim;
  task.group = group;
  task.q = memory.make(queries, heads, Layout::heads_outer, false);
  task.state.o = memory.make(queries, heads, Layout::heads_outer, false);
  return task;
}

void add_piece(AttendTask& task, Addresses& memory, const std::vector<Segment>& segments, const HeadRange& heads,
               Layout layout) {
  const Tensor k = memory.make(segments, heads, layout, true);
  task.kv.push_back({k, memory.make(segments, heads, layout, true)});
}

TEST_CASE("every visible pair is in exactly one call, whatever the pieces, masks and heads") {
  Draws draws(7);
  for (int round = 0; round < 300; ++round) {
    Addresses memory;
    const auto group = draws.between(1, 4);
    const int64_t query_begin = draws.between(0, 3);
    const HeadRange heads{query_begin, query_begin + draws.between(1, 7)};
    std::vector<Segment> queries;
    std::vector<std::vector<Segment>> pieces(static_cast<size_t>(draws.between(1, 4)));
    for (int64_t sequence = 0; sequence < draws.between(1, 3); ++sequence) {
      const int64_t first = draws.between(0, 12);
      const int64_t middle = first + draws.between(0, 9);
      queries.push_back({sequence, first, middle, 0});
      if (draws.between(0, 1) == 1) queries.push_back({sequence, middle + 2, middle + 2 + draws.between(0, 9), 0});
      int64_t key = 0;
      for (auto& piece : pieces) {
        const int64_t end = key + draws.between(0, 12);
        piece.push_back({sequence, key, end, 0});
        key = end + draws.between(0, 1);
      }
    }
    AttendTask task = make_task(memory, queries, heads, group);
    const int64_t kind = draws.between(0, 2);
    task.mask = {kind == 0 ? MaskKind::causal : kind == 1 ? MaskKind::full : MaskKind::window, draws.between(1, 9)};
    if (round % 8 == 7) task.mask.window = int64_t{1} << 40;
    const HeadRange kv_heads{heads.begin / group, (heads.end + group - 1) / group};
    for (const auto& piece : pieces) {
      const auto layout = draws.between(0, 1) == 0 ? Layout::heads_outer : Layout::tokens_outer;
      if (draws.between(0, 2) > 0 || kv_heads.size() < 2) {
        add_piece(task, memory, piece, kv_heads, layout);
        continue;
      }
      add_piece(task, memory, piece, {kv_heads.begin, kv_heads.begin + 1}, layout);
      add_piece(task, memory, piece, {kv_heads.begin + 1, kv_heads.end}, layout);
    }
    const bool gathers = round % 2 == 1;
    const auto regions = split_attend(task, {gathers});
    CAPTURE(round, to_string(task.mask), gathers);
    for (const AttendRegion& region : regions) {
      for (size_t i = 1; i < region.calls.size() && !region.gathered.empty(); ++i) {
        CHECK(region.calls[i].row >= region.calls[i - 1].row + region.calls[i - 1].q_rows);
      }
    }
    CHECK(attended(task, memory, regions) == wanted(task));
    const auto cornered = split_attend(task, {gathers, Diagonals::in_the_corner});
    CHECK(attended(task, memory, cornered) == wanted(task));
    for (const AttendRegion& region : cornered) {
      for (const AttendCall& call : region.calls) {
        const bool hides_keys_behind = call.is_masked && call.offset < call.kv_rows - 1;
        CHECK((!hides_keys_behind || call.kv_rows == call.q_rows + call.offset));
      }
    }
    // Regions tile the state.
    std::map<std::pair<int64_t, int64_t>, int> rows;
    for (const AttendRegion& region : regions) {
      for (int64_t head = region.query_heads.begin; head < region.query_heads.end; ++head) {
        for (int64_t row = region.row; row < region.row + region.rows; ++row) ++rows[{head, row}];
      }
    }
    int64_t cells = 0;
    for (const Segment& q : task.q.segments) cells += (q.end - q.begin) * heads.size();
    CHECK(static_cast<int64_t>(rows.size()) == cells);
    for (const auto& [cell, count] : rows) CHECK(count == 1);
  }
}

TEST_CASE("under a window keys that lie apart are one call if all see them, or the last are the only ones masked") {
  Addresses memory;
  AttendTask task = make_task(memory, {{0, 68, 133, 0}}, {0, 2}, 2);
  task.mask = {MaskKind::window, 500};
  // Each of two ranks' cached and new keys.
  add_piece(task, memory, {{0, 0, 2, 0}, {0, 3, 68, 0}}, {0, 1}, Layout::tokens_outer);
  add_piece(task, memory, {{0, 2, 3, 0}, {0, 68, 133, 0}}, {0, 1}, Layout::tokens_outer);
  const auto regions = split_attend(task, {true});
  REQUIRE(regions.size() == 1);
  CHECK(is_one_call(regions[0]));
  CHECK(attended(task, memory, regions) == wanted(task));
}

TEST_CASE("keys without a gap are one call, in whatever order those that all see stand in memory") {
  Addresses memory;
  AttendTask task = make_task(memory, {{0, 64, 128, 0}}, {0, 2}, 2);
  add_piece(task, memory, {{0, 0, 21, 0}, {0, 42, 64, 0}, {0, 64, 85, 0}}, {0, 1}, Layout::tokens_outer);
  add_piece(task, memory, {{0, 21, 42, 0}, {0, 85, 107, 0}}, {0, 1}, Layout::tokens_outer);
  add_piece(task, memory, {{0, 107, 128, 0}}, {0, 1}, Layout::tokens_outer);
  const auto regions = split_attend(task, {true});
  REQUIRE(regions.size() == 1);
  CHECK(is_one_call(regions[0]));
  CHECK(attended(task, memory, regions) == wanted(task));
}

TEST_CASE("pieces that stand side by side are one call") {
  Addresses memory;
  AttendTask task = make_task(memory, {{0, 0, 64, 0}}, {0, 8}, 4);
  // Four shards of 16 tokens, [token][head][plane][dim] as exchanges bring them.
  std::byte* at = nullptr;
  for (int64_t shard = 0; shard < 4; ++shard) {
    Tensor both = memory.make({{0, 16 * shard, 16 * shard + 16, 0}}, {0, 2}, Layout::tokens_outer, false, at);
    both.row_stride = 4 * Addresses::kDim;
    both.head_stride = 2 * Addresses::kDim;
    Tensor v = both;
    v.data += 2 * Addresses::kDim;
    task.kv.push_back({both, v});
    at = both.data + 16 * 2 * both.row_stride;
  }
  const auto regions = split_attend(task);
  REQUIRE(regions.size() == 1);
  REQUIRE(is_one_call(regions[0]));
  const AttendCall& call = regions[0].calls[0];
  CHECK(call.kv_rows == 64);
  CHECK(call.is_masked);
  CHECK(call.offset == 0);

  SECTION("also in another order where all is seen") {
    std::swap(task.kv[0].k.segments, task.kv[2].k.segments);
    std::swap(task.kv[0].v.segments, task.kv[2].v.segments);
    task.mask = {MaskKind::full, 0};
    const auto open = split_attend(task);
    REQUIRE(open.size() == 1);
    CHECK(is_one_call(open[0]));
    task.mask = {MaskKind::causal, 0};
    CHECK(split_attend(task)[0].calls.size() > 1);
    task.q.segments[0] = task.state.o.segments[0] = {0, 64, 128, 0};
    CHECK(is_one_call(split_attend(task)[0]));
  }
}

TEST_CASE("keys that lie apart are gathered into one call where one diagonal says what is seen") {
  Addresses memory;
  AttendTask task = make_task(memory, {{0, 10, 30, 0}}, {0, 2}, 2);
  add_piece(task, memory, {{0, 4, 10, 0}}, {0, 1}, Layout::heads_outer);
  add_piece(task, memory, {{0, 10, 40, 0}}, {0, 1}, Layout::tokens_outer);
  CHECK(split_attend(task)[0].calls.size() == 2);
  const auto regions = split_attend(task, {true});
  REQUIRE(regions.size() == 1);
  CHECK(is_one_call(regions[0]));
  CHECK(regions[0].gathered.size() == 2);
  CHECK(regions[0].calls[0].kv_rows == 26);
  CHECK(regions[0].calls[0].offset == 6);

  SECTION("queries before the diagonal's keys are a region of their own") {
    task.kv.erase(task.kv.begin() + 1);
    add_piece(task, memory, {{0, 20, 40, 0}}, {0, 1}, Layout::heads_outer);
    const auto cut = split_attend(task, {true});
    REQUIRE(cut.size() == 2);
    CHECK(cut[0].rows == 10);
    CHECK(is_one_call(cut[0]));
    CHECK(is_one_call(cut[1]));
    CHECK(attended(task, memory, cut) == wanted(task));
  }
}

TEST_CASE("queries behind the last key are a call of their own where a diagonal must end in the corner") {
  Addresses memory;
  AttendTask task = make_task(memory, {{0, 4, 20, 0}}, {0, 1}, 1);
  add_piece(task, memory, {{0, 0, 12, 0}}, {0, 1}, Layout::heads_outer);
  CHECK(is_one_call(split_attend(task)[0]));
  const auto regions = split_attend(task, {false, Diagonals::in_the_corner});
  REQUIRE(regions.size() == 1);
  REQUIRE(regions[0].calls.size() == 2);
  CHECK(regions[0].calls[0].q_rows == 8);
  CHECK(regions[0].calls[0].is_masked);
  CHECK(regions[0].calls[1].row == 8);
  CHECK_FALSE(regions[0].calls[1].is_masked);
  CHECK(regions[0].has_one_call_a_row());
  task.q.segments[0] = task.state.o.segments[0] = {0, 20, 36, 0};
  add_piece(task, memory, {{0, 14, 16, 0}}, {0, 1}, Layout::heads_outer);
  CHECK_FALSE(split_attend(task, {false, Diagonals::in_the_corner})[0].has_one_call_a_row());
}

TEST_CASE("queries that see nothing leave a region without calls, or a call of fewer rows") {
  Addresses memory;
  AttendTask task = make_task(memory, {{0, 0, 8, 0}, {1, 0, 8, 0}}, {0, 1}, 1);
  add_piece(task, memory, {{0, 4, 8, 0}}, {0, 1}, Layout::heads_outer);
  const auto regions = split_attend(task);
  REQUIRE(regions.size() == 2);
  REQUIRE(regions[0].calls.size() == 1);
  CHECK(regions[0].calls[0].q_rows == 4);
  CHECK(regions[0].calls[0].row == 4);
  CHECK_FALSE(is_one_call(regions[0]));
  CHECK_FALSE(regions[0].has_one_call_a_row());
  CHECK(regions[1].calls.empty());
  CHECK_FALSE(regions[1].has_one_call_a_row());
}

}  // namespace
}  // namespace ringfold
