#pragma once

#include "lib/inputs.h"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ringfold {

/// Q, K and V of a problem with a layer, projected from hidden states and weights that another source has: sums in
/// fp64, rounded once to the problem's dtype, one thread, plain loops, no code shared with kernels. Keeps the weights
/// in memory, 4 bytes an element. O(hidden x dim) for each row that is read.
class ProjectedInputs final : public InputSource {
 public:
  explicit ProjectedInputs(std::unique_ptr<InputSource> given);

  void read(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const override;
  /// 0 where every partial sum of a projection is a multiple of one number that fp32 has and below 2^24 of it, so that
  /// fp32 is exact in any order, as of generated inputs. Else the farther of what the sum's bounds round to; see
  /// docs/numerics.md.
  void read_doubts(InputTensor tensor, const TokenRange& tokens, int64_t head, float* out) const override;
  std::optional<InputKind> kind() const override { return given_->kind(); }

 private:
  /// The weights of one head, [hidden][dim].
  struct HeadWeights {
    std::vector<float> values;
    double grid = 0;     ///< all are whole multiples of it
    double longest = 0;  ///< |column|_2, of the longest column
  };
  const HeadWeights& weights_of(InputTensor tensor, int64_t head) const;

  std::unique_ptr<InputSource> given_;
  std::vector<HeadWeights> weights_[3];  // of Q, K and V, by head
};

/// A projection that fp32 or the dtype may hold as infinity, in some order of its sum.
struct ProjectionOverflow {
  int64_t column = 0;
  double size = 0;  ///< what it, or what is summed on the way, may be as large as
};
/// The first one of a hidden state `x` and `weights` [x.size()][columns], all of the dtype. No doubt of
/// ProjectedInputs is infinite where there is none. O(x.size() x columns).
std::optional<ProjectionOverflow> find_overflow(DType dtype, std::span<const float> x, std::span<const float> weights);

}  // namespace ringfold
