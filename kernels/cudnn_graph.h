#pragma once

// Only for files of cuDNN: its front end is large.
#include "kernels/cudnn_sdpa.h"

// The library is opened when it is first needed: programs start without it, and fast where it is there.
#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define CUDNN_FRONTEND_SKIP_JSON_LIB
#include <cudnn_frontend.h>

#include <memory>
#include <optional>
#include <string>

namespace ringfold {

/// What a tensor of the graph is called when it is executed.
enum SdpaTensor : int64_t { kQ = 1, kK, kV, kO, kLse };

/// The operation that attends such a shape, not yet planned, on the current device or on one of compute capability
/// `version` (90: 9.0).
std::shared_ptr<cudnn_frontend::graph::Graph> sdpa_graph(const SdpaShape& shape, std::optional<int> version = {});

/// cuDNN's words, without its lists of engines that were tried.
std::string words_of(cudnn_frontend::error_t error);
/// Both throw Error(unavailable) that names what cannot be done.
void check_cudnn(const cudnn_frontend::error_t& error, const char* doing);
void check_cudnn(cudnnStatus_t status, const char* doing);

}  // namespace ringfold
