#include "kernels/row_products.h"

#include "kernels/convert_rows.h"

#include <algorithm>

namespace ringfold {

namespace {

constexpr int64_t kRowsAtOnce = 16;  // they stay in the first-level cache; also how far ahead rows are asked for
constexpr size_t kRunsAhead = 4;     // of which the addresses are looked up: that takes longer than to attend to a page

// Asks for what stands every `step` bytes of rows, for the second-level cache: in the first one it would push out what
// is in use.
void fetch(const Tensor& from, int64_t head, int64_t row, int64_t count, int64_t dim, int64_t step) {
  const bool dense = from.row_stride == dim;
  const int64_t bytes = (dense ? count : 1) * dim * bytes_of(from.dtype);
  for (int64_t i = 0; i < count; i += dense ? count : 1) {
    const std::byte* at = row_of(from, head, row + i);
    for (int64_t byte = 0; byte < bytes; byte += step) __builtin_prefetch(at + byte, 0, 2);
  }
}

}  // namespace

bool RowProducts::suit(const AttendTask& task, const AttendBlock& block) {
  return block.first_pair == 0 && block.pairs <= kLanes && task.dim % kLanes == 0;
}

void RowProducts::begin(const AttendTask& task, int64_t kv_head, std::span<const QueryTile> queries) {
  task_ = &task;
  kv_head_ = kv_head;
  const QueryTile& tile = queries.front();
  const int dim = static_cast<int>(task.dim);
  rows_ = round_up(tile.rows, kRowGroup);
  ops_->transpose(tile.q, tile.lanes, dim, tile.lanes, queries_.at_least(tile.lanes * dim), dim);
  sums_.at_least(tile.lanes * dim);
  converted_.at_least(kRowsAtOnce * dim);
}

void RowProducts::load(const KeyTiles& tiles, const KeyTile& tile) {
  tiles_ = &tiles;
  tile_ = &tile;
}

// Calls visit(KeyRows, index of their first) for keys [first, first + keys) of the tile, in order, as fp32, and asks
// for the rows after them beforehand: hardware foresees none in another page.
template <typename Visit>
void RowProducts::for_rows(Tensor KvPiece::* plane, int first, int keys, Visit&& visit) {
  size_t run = tile_->run;
  tiles_->for_parts(*tile_, [&](const KeyStretch& part, int index) {
    const int64_t end = std::min<int64_t>(part.count, first + keys - index);
    for (int64_t i = std::max(first - index, 0); i < end; i += kRowsAtOnce) {
      const int64_t count = std::min(kRowsAtOnce, end - i);
      fetch_after(run, part.position + i + count, plane);
      visit(fp32_rows(part.piece->*plane, part.row + i, count), index + static_cast<int>(i) - first);
    }
    ++run;
  });
}

// `position`: in the run or right behind it.
void RowProducts::fetch_after(size_t run, int64_t position, Tensor KvPiece::* plane) const {
  constexpr int64_t kLine = 64;
  constexpr int64_t kMemoryPage = 4096;
  const std::vector<KeyStretch>& runs = tiles_->runs;
  const auto fetch_run = [&](const KeyStretch& from, int64_t passed, int64_t step) {
    const int64_t count = std::min(kRowsAtOnce, from.count - passed);
    fetch(from.piece->*plane, kv_head_, from.row + passed, count, task_->dim, step);
  };
  const int64_t passed = position - runs[run].position;
  if (passed < runs[run].count) return fetch_run(runs[run], passed, kLine);
  if (run + 1 < runs.size()) fetch_run(runs[run + 1], 0, kLine);
  if (run + kRunsAhead < runs.size()) fetch_run(runs[run + kRunsAhead], 0, kMemoryPage);
}

KeyRows RowProducts::fp32_rows(const Tensor& from, int64_t row, int64_t count) {
  if (from.dtype == DType::fp32) return {float_row(from, kv_head_, row), from.row_stride, static_cast<int>(count)};
  float* to = converted_.at_least(0);
  convert_rows(*ops_, from, kv_head_, row, count, task_->dim, to);
  return {to, task_->dim, static_cast<int>(count)};
}

void RowProducts::scores(const QueryTile& queries, int first, int keys, float* scores) {
  for (int key = 0; key < keys; ++key) {
    std::fill(scores + key * queries.lanes + rows_, scores + (key + 1) * queries.lanes, 0.0f);
  }
  for_rows(&KvPiece::k, first, keys, [&](const KeyRows& k, int at) {
    ops_->score_rows(k, queries_.at_least(0), rows_, static_cast<int>(task_->dim), scores + at * queries.lanes,
                     queries.lanes);
  });
}

void RowProducts::outputs(const QueryTile& queries, int first, int keys, float* weights, float* part) {
  const int dim = static_cast<int>(task_->dim);
  float* sums = sums_.at_least(0);
  std::fill(sums, sums + queries.lanes * dim, 0.0f);
  for_rows(&KvPiece::v, first, keys, [&](const KeyRows& v, int at) {
    ops_->weigh_rows(v, weights + at * queries.lanes, queries.lanes, rows_, dim, sums);
  });
  ops_->transpose(sums, dim, queries.lanes, dim, part, queries.lanes);
}

}  // namespace ringfold
