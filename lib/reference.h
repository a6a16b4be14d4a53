#pragma once

#include "lib/inputs.h"
#include "lib/reference_row.h"

#include <vector>

namespace ringfold {

/// The judge of everything else: two-pass softmax attention in fp64, one thread, plain loops, no code shared with
/// kernels. Holds K and V of one kv head of one sequence (16 bytes per token and channel) and answers for its rows.
class HeadReference {
 public:
  HeadReference(const InputSource& inputs, int64_t sequence, int64_t kv_head);
  /// Attends one row; row.head must read this kv head. O(visible keys x dim).
  void attend(const QueryRow& row, ReferenceRow& answer) const;

 private:
  void add_doubts(const QueryRow& row, double q_norm, const TokenRange& keys, const std::vector<double>& weights,
                  RowSums& sums) const;
  void add_values(const TokenRange& keys, const std::vector<double>& weights, ReferenceRow& answer) const;

  const InputSource& inputs_;
  int64_t length_;
  int64_t dim_;
  std::vector<double> keys_;          // [dim][token]: logits of neighbouring keys are computed together
  std::vector<double> values_;        // [token][dim]
  std::vector<double> key_norms_;     // |k|
  std::vector<double> value_norms_;   // |v|
  std::vector<double> mean_squares_;  // [dim]: mean over tokens of k_c^2
  std::vector<double> key_doubts_;    // |dk| and |dv| that are allowed; empty without a layer
  std::vector<double> value_doubts_;
};

}  // namespace ringfold
