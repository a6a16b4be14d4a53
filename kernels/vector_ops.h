#pragma once

#include "lib/problem.h"

#include <cstdint>
#include <span>

namespace ringfold {

/// A tile of scores in units of log 2, and the running softmax that it is folded into. A row of queries is a lane: the
/// score of (key, row) stands at scores[key * stride + row].
struct ScoreTile {
  float* scores = nullptr;  ///< in: scores; out: weights 2^(score - maximum)
  int stride = 0;
  int rows = 0;  ///< a multiple of 16
  int keys = 0;
  const int32_t* first = nullptr;  ///< row sees keys first[row] .. end[row] - 1; null if every row sees all keys
  const int32_t* end = nullptr;
  float* maximum = nullptr;     ///< running maximum [rows], finite
  float* sum = nullptr;         ///< running sum of weights [rows]
  float* correction = nullptr;  ///< out: what earlier sums are to be multiplied by [rows]
};

/// Rows of K or V where they stand: that of key i at data + i * stride.
struct KeyRows {
  const float* data = nullptr;
  int64_t stride = 0;
  int count = 0;
};

inline constexpr int kRowGroup = 4;  ///< rows of queries that are multiplied with single keys together

/// The loops around the tile products, in one instruction set. All are branch-free over values; NaN stays NaN.
struct VectorOps {
  const char* name;
  int tile_rows;  ///< queries of a tile, as many as make its products fastest: a multiple of 16, at most kTileRows
  /// y = 2^x for x <= 0, relative error under 4 x 2^-24 (3 where fma rounds once), exactly 1 at 0, exactly 0 below
  /// -126. count % 16 == 0.
  void (*exp2)(const float* x, int64_t count, float* y);
  /// scores[key * stride + row] = factor tanh(scores[...]) for rows (a multiple of 16) and keys; tanh's relative error
  /// is under 4 x 2^-24, its sign exact, and 0 stays 0.
  void (*cap_scores)(float* scores, int stride, int rows, int keys, float factor);
  /// Updates the running maximum and sum, and turns scores into weights; keys that a row does not see weigh 0.
  void (*fold_scores)(const ScoreTile& tile);
  /// o [channels][stride] = o * correction + part, over `rows` lanes (a multiple of 16).
  void (*fold_output)(float* o, const float* part, const float* correction, int channels, int rows, int stride);
  /// scores[key * stride + row] = q [rows][dim] times k. rows is a multiple of kRowGroup, dim of 16. A key's scores
  /// have the same bits among any others.
  void (*score_rows)(const KeyRows& k, const float* q, int rows, int dim, float* scores, int stride);
  /// sums [rows][dim] += weights[key * stride + row] times v, key by key; rows and dim as before.
  void (*weigh_rows)(const KeyRows& v, const float* weights, int stride, int rows, int dim, float* sums);
  /// to[j * to_stride + i] = from[i * from_stride + j] for i < rows, j < columns.
  void (*transpose)(const float* from, int64_t from_stride, int rows, int columns, float* to, int64_t to_stride);
  /// fp32 from any dtype.
  void (*load)(DType dtype, const void* from, int64_t count, float* to);
};

/// Those that this CPU can run, the fastest first; the last one is portable C++.
std::span<const VectorOps* const> vector_ops();

/// One for each file with instruction-set flags of its own; null where it is not for this architecture.
const VectorOps* avx512_ops();
const VectorOps* avx2_ops();
const VectorOps* portable_ops();

}  // namespace ringfold
