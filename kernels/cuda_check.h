#pragma once

#include <cuda_runtime.h>

namespace ringfold {

/// Throws Error: unavailable where device memory is short, else internal. Names the place, the error and the command.
[[noreturn]] void fail_cuda(cudaError_t error, const char* file, int line, const char* command);

}  // namespace ringfold

/// For every call of the CUDA runtime but those of destructors, which have nobody to tell.
#define RINGFOLD_CUDA_CHECK(...)                                                    \
  do {                                                                              \
    const cudaError_t ringfold_cuda_error = (__VA_ARGS__);                          \
    if (ringfold_cuda_error != cudaSuccess) {                                       \
      ::ringfold::fail_cuda(ringfold_cuda_error, __FILE__, __LINE__, #__VA_ARGS__); \
    }                                                                               \
  } while (false)
