// How attends of few queries are shared out among a GPU's blocks: every visible (row, key) in exactly one item.
#include "kernels/decode_plan.h"

#include "kernels/attend_parts.h"
#include "kernels/rows.h"
#include "tests/catch.h"
#include "tests/kernels/attend_case.h"

#include <map>
#include <set>
#include <utility>

namespace ringfold::testing {
namespace {

/// A task over planes that live as long as it does.
struct DecodeCase {
  TokenSet queries{{{0, 900, 903}, {1, 5, 6}, {1, 9, 10}, {2, 0, 1}, {3, 40, 140}}};
  std::vector<TokenSet> keys{TokenSet({{0, 850, 903}, {1, 8, 10}, {3, 0, 140}}),
                             TokenSet({{0, 0, 400}, {0, 410, 850}, {1, 0, 7}, {7, 0, 3}})};
  std::vector<Plane> planes;
  AttendTask task;

  explicit DecodeCase(int64_t page_size, const Mask& mask, bool fold = false) {
    planes.reserve(8);
    planes.emplace_back(DType::bf16, queries, HeadRange{0, 4}, 64);
    task.q = planes.back().tensor();
    planes.emplace_back(DType::fp32, queries, HeadRange{0, 4}, 64);
    task.state.o = planes.back().tensor();
    planes.emplace_back(DType::fp32, queries, HeadRange{0, 4}, 1);
    task.state.lse = planes.back().tensor();
    for (const TokenSet& tokens : keys) {
      planes.emplace_back(DType::bf16, tokens, HeadRange{0, 2}, 64, 0, Layout::heads_outer, 0.0f, page_size);
      task.kv.push_back({planes.back().tensor(), planes.back().tensor()});
    }
    task.mask = mask;
    task.dim = 64;
    task.group = 2;
    task.fold = fold;
  }
};

/// Position of the key in a row of a piece's plane.
int64_t position_at(const Tensor& plane, int64_t row) {
  for (const Segment& segment : plane.segments) {
    if (row >= segment.row && row < segment.row + segment.end - segment.begin) return segment.begin + row - segment.row;
  }
  return -1;
}

/// (state row, position) of each pair that the items attend.
std::multiset<std::pair<int64_t, int64_t>> pairs_of(const AttendTask& task, const DecodeTables& tables) {
  std::map<int64_t, int64_t> target_rows;  // of scratch rows
  for (const auto& part : tables.parts) {
    for (int64_t i = 0; i < part.rows; ++i) target_rows[part.scratch_row + i] = part.target_row + i;
  }
  std::multiset<std::pair<int64_t, int64_t>> pairs;
  for (const auto& items : tables.items) {
    for (const DecodeItem& item : items) {
      for (int32_t key = item.begin; key < item.end; ++key) {
        const int64_t row =
            item.table >= 0 ? tables.rows_of_keys[static_cast<size_t>(item.table + key)] : item.first_row + key;
        const int64_t position = position_at(task.kv[static_cast<size_t>(item.piece)].k, row);
        bool all_see = true;
        for (int32_t q = item.query; q < item.query + item.queries; ++q) {
          const DecodeQuery& query = tables.queries[static_cast<size_t>(q)];
          const bool sees = key >= query.begin && key < query.end;
          all_see &= sees;
          const int64_t target = item.output == 0 ? query.out_row : target_rows.at(query.out_row);
          if (sees) pairs.emplace(target, position);
        }
        if (key >= item.open_begin && key < item.open_end) CHECK(all_see);
      }
    }
  }
  return pairs;
}

std::multiset<std::pair<int64_t, int64_t>> wanted_pairs(const AttendTask& task) {
  std::multiset<std::pair<int64_t, int64_t>> pairs;
  for (const Segment& q : task.q.segments) {
    for (int64_t p = q.begin; p < q.end; ++p) {
      for (const KvPiece& piece : task.kv) {
        for (const Segment& k : segments_of(piece.k.segments, q.sequence)) {
          for (int64_t key = k.begin; key < k.end; ++key) {
            if (visible(task.mask, p, key)) pairs.emplace(q.row + p - q.begin, key);
          }
        }
      }
    }
  }
  return pairs;
}

TEST_CASE("each row attends each key that it sees once, whatever pages and pieces") {
  for (const int64_t page_size : {0, 1, 7, 16}) {
    for (const Mask& mask : {Mask{}, Mask{MaskKind::full, 0}, Mask{MaskKind::window, 300}, Mask{MaskKind::window, 2}}) {
      const DecodeCase input(page_size, mask);
      const AttendParts parts = split_by_queries(input.task);
      // Sequence 3 has 200 rows a kv head.
      CHECK(rows_in(parts.few.q.segments) == 6);
      CHECK(rows_in(parts.many.q.segments) == 100);
      const std::vector<AttendHeads> heads = attend_heads(parts.few);
      REQUIRE(heads.size() == 1);
      const DecodeTables tables = plan_decode(parts.few, heads[0], 1000);
      CHECK(pairs_of(parts.few, tables) == wanted_pairs(parts.few));
    }
  }
}

TEST_CASE("what one item makes is written at once, and rows of several, or of none, are merged") {
  const auto merged_rows = [](const DecodeTables& tables) {
    std::set<int64_t> rows;
    for (const RowSpan& span : tables.merged) {
      for (int64_t i = 0; i < span.count; ++i) rows.insert(span.begin + i);
    }
    return rows;
  };
  const DecodeCase input(0, Mask{MaskKind::window, 2});
  const AttendParts parts = split_by_queries(input.task);
  const auto heads = attend_heads(parts.few);
  // Sequence 0's windows lie in the first piece; sequence 1 has two pieces; sequence 2 sees nothing.
  CHECK(merged_rows(plan_decode(parts.few, heads[0], 1)) == std::set<int64_t>{3, 4, 5});
  const DecodeCase folding(0, Mask{MaskKind::window, 2}, true);
  const AttendParts folded = split_by_queries(folding.task);
  CHECK(merged_rows(plan_decode(folded.few, heads[0], 1)) == std::set<int64_t>{0, 1, 2, 3, 4});
}

TEST_CASE("long lists are shared out evenly, in whole tiles, and not into more parts than a merge likes") {
  AttendTask task;
  // Nobody reads the memory.
  task.q = {nullptr, DType::bf16, 64, 64, {0, 2}, {{0, 99999, 100000, 0}}};
  task.state = {{nullptr, DType::fp32, 64, 64, {0, 2}, {{0, 99999, 100000, 0}}},
                {nullptr, DType::fp32, 1, 1, {0, 2}, {{0, 99999, 100000, 0}}}};
  const Tensor plane{nullptr, DType::bf16, 64, 6400000, {0, 1}, {{0, 0, 100000, 0}}};
  task.kv = {{plane, plane}};
  task.dim = 64;
  task.group = 2;
  for (const auto& [multiprocessors, parts] : std::map<int64_t, int64_t>{{1, 3}, {10, 30}, {1000000, 224}}) {
    const DecodeTables tables = plan_decode(task, attend_heads(task)[0], multiprocessors);
    const auto& items = tables.items[0];
    CHECK(std::ssize(items) == parts);
    for (size_t i = 0; i + 1 < items.size(); ++i) {
      CHECK(items[i].end - items[i].begin == items[0].end - items[0].begin);
      CHECK((items[i].end - items[i].begin) % kDecodeKeys == 0);
      CHECK(items[i].end == items[i + 1].begin);
    }
  }
}

}  // namespace
}  // namespace ringfold::testing
