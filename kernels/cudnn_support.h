#pragma once

#include "kernels/cudnn_sdpa.h"

#include <memory>
#include <optional>
#include <string>

namespace ringfold {

/// What cuDNN itself says that it takes on a device. It plans nothing and takes no memory there: some 5 ms a question,
/// and 0.3 s more for the first one. Not for several threads at once.
class SdpaSupport {
 public:
  /// Of this host's CUDA device `ordinal`; without one, of an H100 as it is described here, for which a machine needs
  /// neither a GPU nor a driver. Throws Error(unavailable) where cuDNN cannot be asked.
  explicit SdpaSupport(std::optional<int> ordinal);
  ~SdpaSupport();

  /// Why no engine takes the shape, in cuDNN's words; nothing if one does.
  std::optional<std::string> refusal(const SdpaShape& shape) const;
  /// Why a problem cannot be attended, naming the key at fault: asked of shapes as the problem's attends have them.
  std::optional<std::string> refusal(const Problem& problem) const;
  /// "head dims 64, 96, 128 on an NVIDIA H100 80GB HBM3": those of models that it takes in bf16 and fp16.
  std::string summary() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Of this host's first device, its devices being alike, or of the H100.
const SdpaSupport& sdpa_support();

/// Where the build has seen the CUDA toolkit's stub of the driver, or "".
const char* driver_stub();

}  // namespace ringfold
