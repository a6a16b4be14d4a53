#pragma once

#include "kernels/attend_layout.h"
#include "kernels/cuda_state.h"
#include "kernels/cuda_work.h"
#include "kernels/state_parts.h"
#include "lib/kernel.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace ringfold {

/// What a library has made of one call, ready to be enqueued. Like CudaWork.
class CallWork {
 public:
  virtual ~CallWork() = default;
  virtual int64_t workspace_bytes() const = 0;
  virtual void enqueue(std::byte* workspace, cudaStream_t stream) const = 0;
};

/// How a library attends one rectangle.
struct CallMaker : CallRules {
  /// Throws Error(unavailable) where the library cannot. LSEs are natural.
  std::function<std::unique_ptr<CallWork>(const AttendRegion&, const AttendCall&, const CallOutput&)> make;
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
  explicit AttendMemory(CudaDevice& device) : scratch(device), workspace(device) {}
  CudaScratch scratch;    ///< ours
  CudaScratch workspace;  ///< the library's
};

/// An attend: sequences of few queries by the decode kernel (split_by_queries says which), the others as calls of a
/// library, laid out as AttendLayout says; what is in scratch memory is merged in order afterwards. K and V in pages
/// are made contiguous for them first.
std::shared_ptr<CudaWork> make_attend(CudaDevice& device, AttendMemory& memory, const AttendTask& task,
                                      const CallMaker& maker);

/// Of AttendMemory::scratch, what such an attend takes. Throws Error(unavailable) for what the rules refuse.
int64_t attend_scratch_bytes(const CudaDevice& device, const AttendTask& task, const CallRules& rules);

}  // namespace ringfold
