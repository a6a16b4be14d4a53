#include "transports/cuda_driver.h"

#include "transports/cuda_check.h"

namespace ringfold {

namespace {

/// Of the functions' form.
constexpr unsigned kVersion = 12000;

template <typename Function>
void find(const char* name, Function& function) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t status = cudaGetDriverEntryPointByVersion(name, &found, kVersion, cudaEnableDefault, &result);
  RINGFOLD_CHECK(status == cudaSuccess && result == cudaDriverEntryPointSuccess, ExitCode::unavailable,
                 "the CUDA driver has no {}: {}", name, cudaGetErrorString(status));
  function = reinterpret_cast<Function>(found);
}

CudaDriver find_all() {
  CudaDriver driver;
  find("cuMemGetAddressRange", driver.address_range);
  find("cuPointerGetAttribute", driver.pointer_attribute);
  find("cuGetErrorName", driver.error_name);
  return driver;
}

}  // namespace

const CudaDriver& cuda_driver() {
  static const CudaDriver driver = find_all();
  return driver;
}

void check_driver(CUresult status, const char* call) {
  if (status == CUDA_SUCCESS) return;
  const char* name = nullptr;
  if (cuda_driver().error_name(status, &name) != CUDA_SUCCESS || name == nullptr) name = "an unknown error";
  throw Error(ExitCode::internal, fmt::format("CUDA: {}: {}", call, name));
}

}  // namespace ringfold
