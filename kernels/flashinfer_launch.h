#pragma once

#include "kernels/flashinfer_call.h"

#include <cuda_runtime.h>

#include <memory>

namespace ringfold {

/// A kernel of FlashInfer's with its parameters, ready to be started as often as wanted.
class FlashinferLaunch {
 public:
  virtual ~FlashinferLaunch() = default;
  /// Only starts the kernel, so it may be called while a stream is recorded.
  virtual cudaError_t enqueue(cudaStream_t stream) const = 0;
};

/// attention/hopper: warpgroup products and TMA, for sm_90a alone. What it takes: FlashinferPath::sm90.
template <HalfType kType, int kDim>
std::unique_ptr<FlashinferLaunch> make_flashinfer_sm90(const FlashinferCall& call);

/// attention/prefill.cuh: for sm_80 and later. What it takes: FlashinferPath::sm80.
template <HalfType kType, int kDim>
std::unique_ptr<FlashinferLaunch> make_flashinfer_sm80(const FlashinferCall& call);

}  // namespace ringfold
