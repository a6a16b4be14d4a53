#pragma once

#include "lib/problem.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ringfold {

/// Where a plane's rows and heads stand, in elements; channels stand side by side.
struct SdpaStrides {
  int64_t row = 0;
  int64_t head = 0;
  auto operator<=>(const SdpaStrides&) const = default;
};

/// What cuDNN plans for: one rectangle of queries x keys. Masked: query i sees key j if j <= i + offset; with a window
/// only if j > i + offset - window.
struct SdpaShape {
  DType dtype = DType::bf16;  ///< of Q, K and V
  DType out = DType::fp32;    ///< of O
  int64_t query_heads = 1;
  int64_t kv_heads = 1;
  int64_t q_rows = 1;
  int64_t kv_rows = 1;
  int64_t dim = 1;
  SdpaStrides q, k, v, o, lse;
  bool is_masked = false;
  int64_t offset = 0;
  int64_t window = 0;
  double scale = 1;
  auto operator<=>(const SdpaShape&) const = default;
};

/// Device memory of one call; lse: fp32, natural log.
struct SdpaMemory {
  const std::byte* q = nullptr;
  const std::byte* k = nullptr;
  const std::byte* v = nullptr;
  std::byte* o = nullptr;
  std::byte* lse = nullptr;
};

/// A plan of cuDNN's for a shape on one device.
class SdpaPlan {
 public:
  virtual ~SdpaPlan() = default;
  virtual int64_t workspace_bytes() const = 0;
  /// Enqueues the call on `stream` (a cudaStream_t).
  virtual void run(const SdpaMemory& memory, std::byte* workspace, void* stream) = 0;
};

/// cuDNN's scaled dot product attention on one device. Used in one thread, whose current device it is.
class CudnnSdpa {
 public:
  CudnnSdpa();
  ~CudnnSdpa();
  /// Takes a moment (0.05 to 1 s) the first time that a shape is asked for. Throws Error(unavailable) with cuDNN's
  /// words if it has no engine for it. The plan belongs to this object.
  SdpaPlan& plan(const SdpaShape& shape);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Why the library cannot be used, if it cannot.
std::optional<std::string> cudnn_missing();
/// "cuDNN 9.19.0"
std::string cudnn_version_text();

}  // namespace ringfold
