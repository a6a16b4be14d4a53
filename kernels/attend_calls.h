#pragma once

#include "kernels/call_strides.h"
#include "lib/kernel.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringfold {

/// One rectangle of an attend, as attention libraries take it: consecutive rows of Q against consecutive rows of K and
/// V, of as many query heads for each kv head. Query i sees key j if j <= i + offset, where the rectangle is masked,
/// and if j > i + offset - window, where there is a window.
struct AttendCall {
  const std::byte* q = nullptr;  ///< its first row and head; k and v likewise
  const std::byte* k = nullptr;
  const std::byte* v = nullptr;
  CallStrides q_strides;
  CallStrides k_strides;
  CallStrides v_strides;
  int64_t q_rows = 0;
  int64_t kv_rows = 0;
  bool is_masked = false;
  int64_t offset = 0;  ///< >= 0
  int64_t window = 0;  ///< 0: none
  int64_t row = 0;     ///< the first query's row in the state
};

/// Consecutive keys, where they stand: first row and kv head.
struct KeySpan {
  const std::byte* k = nullptr;
  const std::byte* v = nullptr;
  CallStrides k_strides;
  CallStrides v_strides;
  int64_t rows = 0;
};

/// Rows and heads of a state that the same calls add to: one segment of queries, heads that meet the same keys.
struct AttendRegion {
  HeadRange query_heads;
  int64_t kv_heads = 0;
  int64_t row = 0;  ///< first row in the state
  int64_t rows = 0;
  std::vector<AttendCall> calls;  ///< by position of their keys; none: nothing is seen
  /// Where not empty, the calls are of these, copied together in this order, [token][kv head][plane][dim]: what they
  /// say of where K and V stand counts from the first byte of the copy.
  std::vector<KeySpan> gathered;
  /// Is each row computed by one call, in all?
  bool has_one_call_a_row() const;
};

/// Query heads that meet the same keys, as many for each of their kv heads.
struct AttendHeads {
  HeadRange query_heads;
  HeadRange kv_heads;
  /// Does it read these keys?
  bool reads(const KvPiece& piece) const { return piece.k.heads.contains(kv_heads); }
};
/// The task's heads, cut where the set of pieces, or the number of query heads that read a kv head, changes.
std::vector<AttendHeads> attend_heads(const AttendTask& task);

/// Which masked rectangles a library takes.
enum class Diagonals {
  anywhere,
  in_the_corner  ///< the last query is the first to see the last key: kv_rows == q_rows + offset
};

struct SplitOptions {
  /// Keys that lie apart are copied together where one call can then compute a region, for a library whose partial
  /// results are not to be merged.
  bool gathers = false;
  /// In the corner: queries behind the last key are calls of their own, whose `offset` hides no key.
  Diagonals diagonals = Diagonals::anywhere;
};

/// Splits an attend into rectangles that see something. Every visible (query, key, head) is in exactly one call, every
/// (row, head) of the state in exactly one region. Keys that stand side by side in memory become one rectangle.
std::vector<AttendRegion> split_attend(const AttendTask& task, const SplitOptions& options = {});

}  // namespace ringfold
