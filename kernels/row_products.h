#pragma once

#include "kernels/key_products.h"

namespace ringfold {

/// For few rows of queries, as in decoding: K and V are read once, row by row, where they stand, in pages or not, for
/// unpacking them would take longer than the products. Rows of 16 bits are converted a few at a time. What is computed
/// of a key does not depend on where it stands.
class RowProducts final : public KeyProducts {
 public:
  explicit RowProducts(const VectorOps& ops) : ops_(&ops) {}

  /// Whether a block is fit for this; the same for any number of threads.
  static bool suit(const AttendTask& task, const AttendBlock& block);

  void begin(const AttendTask& task, int64_t kv_head, std::span<const QueryTile> queries) override;
  void load(const KeyTiles& tiles, const KeyTile& tile) override;
  void scores(const QueryTile& queries, int first, int keys, float* scores) override;
  void outputs(const QueryTile& queries, int first, int keys, float* weights, float* part) override;

 private:
  template <typename Visit>
  void for_rows(Tensor KvPiece::* plane, int first, int keys, Visit&& visit);

  void fetch_after(size_t run, int64_t position, Tensor KvPiece::* plane) const;
  KeyRows fp32_rows(const Tensor& from, int64_t row, int64_t count);

  const VectorOps* ops_;
  const AttendTask* task_ = nullptr;
  int64_t kv_head_ = -1;
  const KeyTiles* tiles_ = nullptr;
  const KeyTile* tile_ = nullptr;
  int rows_ = 0;  // of queries, rounded up to kRowGroup
  Scratch queries_;
  Scratch sums_;
  Scratch converted_;
};

}  // namespace ringfold
