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
  float* q = queries_.at_least(kBlockTiles * tile);
  float* o = outputs_.at_least(kBlockTiles * tile);
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
  for (const KeyTile& tile : keys_.tiles) {
    if (std::ranges::none_of(used, [&](const QueryTile& rows) { return may_see(rows, tile); })) continue;
    panel_.load(*ops_, *task_, kv_head_, keys_, tile);
    for (QueryTile& rows : used) fold(rows);
    queue.tick();
  }
  for (const QueryTile& rows : used) store_state(*ops_, *task_, rows, buffer_.at_least(0));
}

void BlockAttender::load_tiles(const AttendBlock& block) {
  tiles_used_ = 0;
  for (int64_t done = 0; done < block.pairs; done += kTileRows) {
    const int rows = static_cast<int>(std::min<int64_t>(block.pairs - done, kTileRows));
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
  Seen seen{0, panel_.keys(), false};
  if (task_->mask.kind == MaskKind::full) return seen;
  seen.end = panel_.count_until(tile.highest);
  if (seen.end == 0) return seen;
  seen.partly = panel_.position(seen.end - 1) > tile.lowest;
  if (task_->mask.kind == MaskKind::window) {
    const int first = panel_.count_until(tile.lowest - task_->mask.window);
    seen.begin = first / kLanes * kLanes;
    seen.partly |= first > seen.begin || panel_.count_until(tile.highest - task_->mask.window) > first;
  }
  return seen;
}

void BlockAttender::set_bounds(const QueryTile& tile, const Seen& seen) {
  // The lanes that are no rows see everything.
  first_seen_.fill(0);
  end_seen_.fill(seen.end - seen.begin);
  for (size_t row = 0; row < static_cast<size_t>(tile.rows); ++row) {
    const int64_t position = tile.positions[row];
    end_seen_[row] = panel_.count_until(position) - seen.begin;
    if (task_->mask.kind == MaskKind::window) {
      first_seen_[row] = panel_.count_until(position - task_->mask.window) - seen.begin;
    }
  }
}

size_t BlockAttender::find_products(int lanes, int keys, Products*& products) {
  products = nullptr;
  for (const auto& known : products_) {
    if (known->dim == task_->dim && known->k_stride == panel_.k_stride()) products = known.get();
  }
  if (!products) {
    products = products_.emplace_back(std::make_unique<Products>()).get();
    products->dim = task_->dim;
    products->k_stride = panel_.k_stride();
  }
  const size_t index = static_cast<size_t>((lanes / kLanes - 1) * (kTileKeys / kLanes) + keys / kLanes - 1);
  if (!products->made[index]) {
    const int dim = static_cast<int>(task_->dim);
    const int k_stride = static_cast<int>(panel_.k_stride());
    products->scores[index] = TileProduct({lanes, keys, dim, kTileRows, k_stride, kTileRows});
    products->outputs[index] = TileProduct({lanes, dim, keys, kTileRows, kValueStride, kTileRows});
    products->made[index] = true;
  }
  return index;
}

void BlockAttender::fold(QueryTile& tile) {
  const Seen seen = seen_by(tile);
  if (seen.begin >= seen.end) return;
  const int keys = seen.end - seen.begin;
  const int padded = round_up(keys, kLanes);
  float* scores = scores_.at_least(0);
  Products* products = nullptr;
  const size_t index = find_products(tile.lanes, padded, products);
  products->scores[index](tile.q, panel_.k() + seen.begin * panel_.k_stride(), scores);

  if (task_->softcap > 0) {
    const auto factor = static_cast<float>(task_->softcap * std::numbers::log2e);
    ops_->cap_scores(scores, kTileRows, tile.lanes, keys, factor);
  }
  if (seen.partly) set_bounds(tile, seen);
  ops_->fold_scores({scores, kTileRows, tile.lanes, keys, seen.partly ? first_seen_.data() : nullptr,
                     seen.partly ? end_seen_.data() : nullptr, tile.maximum.data(), tile.sum.data(),
                     correction_.data()});
  std::fill(scores + keys * kTileRows, scores + padded * kTileRows, 0.0f);

  float* part = tile.touched ? part_.at_least(0) : tile.o;
  products->outputs[index](scores, panel_.v() + seen.begin, part);
  if (tile.touched) {
    ops_->fold_output(tile.o, part, correction_.data(), static_cast<int>(task_->dim), tile.lanes, kTileRows);
  }
  tile.touched = true;
}

}  // namespace ringfold
