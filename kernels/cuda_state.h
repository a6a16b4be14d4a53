#pragma once

#include "kernels/cuda_launch.h"
#include "kernels/cuda_work.h"
#include "kernels/merge_tables.h"

#include <memory>
#include <span>
#include <vector>

namespace ringfold {

/// Rows that a merge writes, wholly: O in any dtype, rounded once, and the natural-log LSE in fp32.
struct MergeTarget {
  StateRows rows;
  int64_t heads = 0;
  std::vector<RowSpan> spans;  ///< disjoint
};

struct MergeOptions {
  /// What the target holds already is one more part, the first; its LSE is natural.
  bool fold = false;
  /// Each row has exactly one part: its O is converted and its LSE copied, whatever they are.
  bool verbatim = false;
};

/// Merges any number of parts in one pass, in their order, as merge_rows of host_state.h does; in 2^-45 of the sums'
/// terms the bits may differ from the host's. Rows that no part holds become (0, -inf): without parts, the target is
/// filled with that. A part whose weight is below 2^-149 of the row counts as one of none. Parts may be of any dtype;
/// O and LSE of a part may be the target's own where rows and heads coincide. Only rows and heads that a part holds
/// are read. All addresses are in device memory and must last; O stands in `dim` consecutive elements.
///
/// Make it beforehand (it allocates and sends its tables), enqueue it as often as wanted.
class CudaMerge final : public CudaWork {
 public:
  CudaMerge(CudaDevice& device, const MergeTarget& target, std::span<const StatePart> parts, int64_t dim,
            const MergeOptions& options = {});
  void enqueue(cudaStream_t stream) const override;

 private:
  MergeLaunch launch_;
  CudaTables tables_;
};

/// A copy task of lib/kernel.h.
class CudaCopy final : public CudaWork {
 public:
  CudaCopy(CudaDevice& device, const CopyTask& task);
  void enqueue(cudaStream_t stream) const override;

 private:
  CopyLaunch launch_;
  CudaTables tables_;
};

/// Merge and finish tasks of lib/kernel.h.
std::shared_ptr<CudaWork> make_merge(CudaDevice& device, const MergeTask& task);
std::shared_ptr<CudaWork> make_finish(CudaDevice& device, const FinishTask& task);

}  // namespace ringfold
