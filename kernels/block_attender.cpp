#include "kernels/block_attender.h"

#include "lib/error.h"

#include <algorithm>
#include <numbers>

namespace ringfold {

void BlockAttender::start(const AttendTask& task, const AttendPlan& plan) {
  task_ = &task;
  plan_ = &plan;
  sequence_ = -1;
  const int64_t tile = kTileRows * task.dim;
  float* q = queries_.at_least(std::ssize(tiles_) * tile);
  float* o = outputs_.at_least(std::ssize(tiles_) * tile);
  for (QueryTile& one : tiles_) {
    one.q = q;
    one.o = o;
    q += tile;
    o += tile;
  }
  scores_.at_least(kTileRows * kTileKeys);
  part_.at_least(tile);
  buffer_.at_least(tile);
}

void BlockAttender::attend(const AttendBlock& block, Queue& queue) {
  if (block.sequence != sequence_ || block.kv_head != kv_head_) {
    sequence_ = block.sequence;
    kv_head_ = block.kv_head;
    keys_.build(*task_, sequence_, kv_head_, kTileKeys);
  }
  load_tiles(block);
  const auto used = std::span(tiles_).first(static_cast<size_t>(tiles_used_));
  products_ = RowProducts::suit(*task_, block) ? static_cast<KeyProducts*>(&row_products_) : &panel_products_;
  products_->begin(*task_, kv_head_, used);
  for (const KeyTile& tile : keys_.tiles) {
    if (std::ranges::none_of(used, [&](const QueryTile& rows) { return may_see(rows, tile); })) continue;
    positions_.load(keys_, tile);
    products_->load(keys_, tile);
    for (QueryTile& rows : used) fold(rows);
    queue.tick();
  }
  for (const QueryTile& rows : used) store_state(*ops_, *task_, rows, buffer_.at_least(0));
}

void BlockAttender::load_tiles(const AttendBlock& block) {
  tiles_used_ = 0;
  for (int64_t done = 0; done < block.pairs; done += ops_->tile_rows) {
    const int rows = static_cast<int>(std::min<int64_t>(block.pairs - done, ops_->tile_rows));
    load_queries(*ops_, *task_, *plan_, block, block.first_pair + done, rows, buffer_.at_least(0),
                 tiles_[static_cast<size_t>(tiles_used_++)]);
  }
}

bool BlockAttender::may_see(const QueryTile& tile, const KeyTile& keys) const {
  switch (task_->mask.kind) {
    case MaskKind::full: return true;
    case MaskKind::causal: return keys.first_position <= tile.highest;
    case MaskKind::window:
      return keys.first_position <= tile.highest && keys.last_position > tile.lowest - task_->mask.window;
  }
  return true;
}

BlockAttender::Seen BlockAttender::seen_by(const QueryTile& tile) const {
  Seen seen{0, positions_.keys(), false};
  if (task_->mask.kind == MaskKind::full) return seen;
  seen.end = positions_.count_until(tile.highest);
  if (seen.end == 0) return seen;
  seen.partly = positions_.of(seen.end - 1) > tile.lowest;
  if (task_->mask.kind == MaskKind::window) {
    const int first = positions_.count_until(tile.lowest - task_->mask.window);
    seen.begin = first / kLanes * kLanes;
    seen.partly |= first > seen.begin || positions_.count_until(tile.highest - task_->mask.window) > first;
  }
  return seen;
}

void BlockAttender::set_bounds(const QueryTile& tile, const Seen& seen) {
  // The lanes that are no rows see everything.
  first_seen_.fill(0);
  end_seen_.fill(seen.end - seen.begin);
  for (size_t row = 0; row < static_cast<size_t>(tile.rows); ++row) {
    const int64_t position = tile.positions[row];
    end_seen_[row] = positions_.count_until(position) - seen.begin;
    if (task_->mask.kind == MaskKind::window) {
      first_seen_[row] = positions_.count_until(position - task_->mask.window) - seen.begin;
    }
  }
}

void BlockAttender::fold(QueryTile& tile) {
  const Seen seen = seen_by(tile);
  if (seen.begin >= seen.end) return;
  const int keys = seen.end - seen.begin;
  float* scores = scores_.at_least(0);
  products_->scores(tile, seen.begin, keys, scores);

  if (task_->softcap > 0) {
    const auto factor = static_cast<float>(task_->softcap * std::numbers::log2e);
    ops_->cap_scores(scores, tile.lanes, tile.lanes, keys, factor);
  }
  if (seen.partly) set_bounds(tile, seen);
  ops_->fold_scores({scores, tile.lanes, tile.lanes, keys, seen.partly ? first_seen_.data() : nullptr,
                     seen.partly ? end_seen_.data() : nullptr, tile.maximum.data(), tile.sum.data(),
                     correction_.data()});

  float* part = tile.touched ? part_.at_least(0) : tile.o;
  products_->outputs(tile, seen.begin, keys, scores, part);
  if (tile.touched) {
    ops_->fold_output(tile.o, part, correction_.data(), static_cast<int>(task_->dim), tile.lanes, tile.lanes);
  }
  tile.touched = true;
}

}  // namespace ringfold
