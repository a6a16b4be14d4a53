#pragma once

#include "lib/error.h"

#include <cuda_runtime.h>

namespace ringfold {

/// Throws Error that names the place, the error and the call; unavailable where memory is short, else internal.
[[noreturn]] void fail_cuda(const char* file, int line, const char* call, cudaError_t status);

}  // namespace ringfold

/// Around every call of the CUDA runtime whose failure ends a run.
#define RINGFOLD_CUDA(...)                                                                                \
  do {                                                                                                    \
    const cudaError_t cuda_status = (__VA_ARGS__);                                                        \
    if (cuda_status != cudaSuccess) ::ringfold::fail_cuda(__FILE__, __LINE__, #__VA_ARGS__, cuda_status); \
  } while (false)
