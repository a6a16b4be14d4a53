#pragma once

#include "kernels/attend_plan.h"
#include "kernels/tile_sizes.h"
#include "kernels/vector_ops.h"

#include <array>

namespace ringfold {

/// Up to kTileRows queries of one sequence and one kv head, their running softmax, and where the result belongs.
/// Queries are lanes: Q and O are kept transposed, [dim][lanes].
struct QueryTile {
  int rows = 0;
  int lanes = 0;       ///< rows rounded up; the lanes that are no rows compute with zeros
  int64_t lowest = 0;  ///< positions of the first and of the last row
  int64_t highest = 0;
  bool touched = false;  ///< has any key been folded in?
  float* q = nullptr;
  float* o = nullptr;
  std::array<int64_t, kTileRows> positions{};
  std::array<float*, kTileRows> state_o{};
  std::array<float*, kTileRows> state_lse{};
  alignas(64) std::array<float, kTileRows> maximum{};
  alignas(64) std::array<float, kTileRows> sum{};
};

/// Sets up rows [first, first + rows) of a block: q [dim][lanes] is filled with the queries times scale x log2 e,
/// or, under a softcap, times scale / softcap.
/// `buffer`: kTileRows x dim floats.
void load_queries(const VectorOps& ops, const AttendTask& task, const AttendPlan& plan, const AttendBlock& block,
                  int64_t first, int rows, float* buffer, QueryTile& tile);

/// Normalises O and writes O and LSE, or folds them into the state that is there. `buffer`: as above.
void store_state(const VectorOps& ops, const AttendTask& task, const QueryTile& tile, float* buffer);

}  // namespace ringfold
