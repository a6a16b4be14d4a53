#include "kernels/query_tile.h"

#include "kernels/rows.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace ringfold {

namespace {

constexpr float kNothing = -std::numeric_limits<float>::infinity();

// What the state's O and the tile's unnormalised O are multiplied by.
struct Weights {
  float state = 0.0f;
  float mine = 0.0f;
};

// Merges in fp64, in which no difference of fp32 LSEs overflows.
Weights merge_weights(double mine_lse, double mine_sum, float& state_lse) {
  const double state = state_lse;
  const double largest = std::max(state, mine_lse);
  const double state_weight = std::exp(state - largest);
  const double mine_weight = std::exp(mine_lse - largest);
  const double total = state_weight + mine_weight;
  state_lse = static_cast<float>(largest + std::log(total));
  return {static_cast<float>(state_weight / total), static_cast<float>(mine_weight / total / mine_sum)};
}

// o [dim]: the tile's row, not normalised.
void store_row(const float* o, float maximum, float sum, int64_t dim, bool fold, float* state_o, float* state_lse) {
  const bool keeps = fold && *state_lse != kNothing;
  if (sum == 0.0f) {
    if (keeps) return;
    *state_lse = kNothing;
    std::fill_n(state_o, dim, 0.0f);
    return;
  }
  const double lse = (static_cast<double>(maximum) + std::log2(static_cast<double>(sum))) * std::numbers::ln2;
  if (!keeps) {
    *state_lse = static_cast<float>(lse);
    const float weight = 1.0f / sum;
    for (int64_t c = 0; c < dim; ++c) state_o[c] = o[c] * weight;
    return;
  }
  const Weights weights = merge_weights(lse, sum, *state_lse);
  // A weight of 0 must not meet an infinite O.
  if (weights.state == 0.0f) std::fill_n(state_o, dim, 0.0f);
  if (weights.mine == 0.0f) return;
  for (int64_t c = 0; c < dim; ++c) state_o[c] = state_o[c] * weights.state + o[c] * weights.mine;
}

}  // namespace

void load_queries(const VectorOps& ops, const AttendTask& task, const AttendPlan& plan, const AttendBlock& block,
                  int64_t first, int rows, float* buffer, QueryTile& tile) {
  tile.rows = rows;
  tile.lanes = round_up(rows, kLanes);
  tile.touched = false;
  tile.maximum.fill(std::numeric_limits<float>::lowest());
  tile.sum.fill(0.0f);
  const float scale = static_cast<float>(task.scale * (task.softcap > 0 ? 1 / task.softcap : std::numbers::log2e));
  size_t run = block.first_run;
  for (int row = 0; row < rows; ++row) {
    const int64_t token = (first + row) / block.heads.size();
    const int64_t head = block.heads.begin + (first + row) % block.heads.size();
    while (token >= plan.runs[run].before + plan.runs[run].count) ++run;
    const QueryRun& from = plan.runs[run];
    const int64_t index = token - from.before;
    const size_t at = static_cast<size_t>(row);
    tile.positions[at] = from.position + index;
    tile.state_o[at] = float_row(task.state.o, head, from.state_row + index);
    tile.state_lse[at] = float_row(task.state.lse, head, from.state_row + index);
    float* values = buffer + row * task.dim;
    ops.load(task.q.dtype, row_of(task.q, head, from.q_row + index), task.dim, values);
    for (int64_t c = 0; c < task.dim; ++c) values[c] *= scale;
  }
  std::fill(buffer + rows * task.dim, buffer + tile.lanes * task.dim, 0.0f);
  tile.lowest = tile.positions[0];
  tile.highest = tile.positions[static_cast<size_t>(rows) - 1];
  ops.transpose(buffer, task.dim, tile.lanes, static_cast<int>(task.dim), tile.q, tile.lanes);
}

void store_state(const VectorOps& ops, const AttendTask& task, const QueryTile& tile, float* buffer) {
  if (tile.touched) ops.transpose(tile.o, tile.lanes, static_cast<int>(task.dim), tile.rows, buffer, task.dim);
  for (size_t row = 0; row < static_cast<size_t>(tile.rows); ++row) {
    store_row(buffer + static_cast<int64_t>(row) * task.dim, tile.maximum[row], tile.sum[row], task.dim, task.fold,
              tile.state_o[row], tile.state_lse[row]);
  }
}

}  // namespace ringfold
