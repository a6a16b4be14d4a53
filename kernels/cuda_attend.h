#pragma once

#include "kernels/attend_calls.h"
#include "kernels/cuda_state.h"
#include "kernels/cuda_work.h"
#include "kernels/state_parts.h"
#include "lib/kernel.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace ringfold {

/// Where a library's call writes: O and its LSE, first row and head of the call.
struct CallOutput {
  std::byte* o = nullptr;
  DType dtype = DType::fp32;
  CallStrides o_strides;
  std::byte* lse = nullptr;
  CallStrides lse_strides;
};

/// What a library has made of one call, ready to be enqueued. Like CudaWork.
class CallWork {
 public:
  virtual ~CallWork() = default;
  virtual int64_t workspace_bytes() const = 0;
  virtual void enqueue(std::byte* workspace, cudaStream_t stream) const = 0;
};

/// How a library attends one rectangle.
struct CallMaker {
  /// Throws Error(unavailable) where the library cannot. LSEs are natural.
  std::function<std::unique_ptr<CallWork>(const AttendRegion&, const AttendCall&, const CallOutput&)> make;
  /// Of what is not written directly.
  DType partial_dtype = DType::fp32;
  /// Whether partial results are exact enough to be merged: 16 bits are not, see docs/numerics.md. Else what takes
  /// several calls, keys that lie apart for one, is refused.
  bool merges = true;
  /// Can it write where the output says, which is aligned? Null: anywhere. To scratch memory it always can: O in
  /// partial_dtype, [head][row][channel], and the LSE, [head][row].
  std::function<bool(const AttendRegion&, const AttendCall&, const CallOutput&)> can_write = {};
  Diagonals diagonals = Diagonals::anywhere;
};

/// Memory that the calls of a kernel use one after the other.
class CudaScratch {
 public:
  explicit CudaScratch(CudaDevice& device) : device_(device) {}
  /// At least so many bytes, also used by others; keep the handle while the work may be enqueued.
  std::shared_ptr<std::byte> at_least(int64_t bytes);

 private:
  CudaDevice& device_;
  std::shared_ptr<std::byte> memory_;
  int64_t bytes_ = 0;
};

/// What a kernel's attends share.
struct AttendMemory {
  explicit AttendMemory(CudaDevice& device) : gathered(device), partials(device), workspace(device) {}
  CudaScratch gathered;  ///< K and V out of pages
  CudaScratch partials;
  CudaScratch workspace;
};

/// An attend: sequences of few queries by the decode kernel (split_by_queries says which), the others as calls of a
/// library. Those write their results where they belong if one of them alone computes each row of a region and the
/// memory is aligned, and else to scratch memory, merged in order afterwards. K and V in pages are made contiguous for
/// them first.
std::shared_ptr<CudaWork> make_attend(CudaDevice& device, AttendMemory& memory, const AttendTask& task,
                                      const CallMaker& maker);

}  // namespace ringfold
