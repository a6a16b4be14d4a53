#include "transports/stream_memops.h"

#include "transports/cuda_check.h"

#include <algorithm>

namespace ringfold {

namespace {

/// The driver takes no more at once.
constexpr size_t kMostInBatch = 256;
/// Of the functions' form: stream memory operations that can be recorded.
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
  find("cuStreamBatchMemOp", driver.batch_memops);
  find("cuMemGetAddressRange", driver.address_range);
  find("cuPointerGetAttribute", driver.pointer_attribute);
  find("cuGetErrorName", driver.error_name);
  return driver;
}

CUstreamBatchMemOpParams write_of(std::byte* flag, uint32_t value) {
  CUstreamBatchMemOpParams operation{};
  operation.writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
  operation.writeValue.address = reinterpret_cast<CUdeviceptr>(flag);
  operation.writeValue.value = value;
  operation.writeValue.flags = CU_STREAM_WRITE_VALUE_DEFAULT;
  return operation;
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

void StreamMemops::take(std::byte* flag) {
  CUstreamBatchMemOpParams operation{};
  operation.waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
  operation.waitValue.address = reinterpret_cast<CUdeviceptr>(flag);
  operation.waitValue.value = 1;
  operation.waitValue.flags = CU_STREAM_WAIT_VALUE_GEQ;
  noted_.push_back(operation);
  write(flag, 0);
}

void StreamMemops::write(std::byte* flag, uint32_t value) { noted_.push_back(write_of(flag, value)); }

void StreamMemops::flush(cudaStream_t stream) {
  for (size_t i = 0; i < noted_.size(); i += kMostInBatch) {
    const auto count = static_cast<unsigned>(std::min(kMostInBatch, noted_.size() - i));
    check_driver(cuda_driver().batch_memops(stream, count, noted_.data() + i, 0), "cuStreamBatchMemOp");
  }
  noted_.clear();
}

bool StreamMemops::can_write(cudaStream_t stream, std::byte* flag) {
  CUstreamBatchMemOpParams operation = write_of(flag, 0);
  return cuda_driver().batch_memops(stream, 1, &operation, 0) == CUDA_SUCCESS &&
         cudaStreamSynchronize(stream) == cudaSuccess;
}

}  // namespace ringfold
