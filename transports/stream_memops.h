#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringfold {

/// The driver's functions, found at run time: this program starts without a driver.
struct CudaDriver {
  decltype(&cuStreamBatchMemOp) batch_memops = nullptr;
  decltype(&cuMemGetAddressRange) address_range = nullptr;
  decltype(&cuPointerGetAttribute) pointer_attribute = nullptr;
  decltype(&cuGetErrorName) error_name = nullptr;
};

/// Throws Error(unavailable) where there is no driver, or one that is too old.
const CudaDriver& cuda_driver();
/// Throws Error(internal) unless the status is success.
void check_driver(CUresult status, const char* call);

/// 32-bit flags that a stream writes, and waits for, by itself. Noted down by write() and wait(), put on the stream
/// together by flush(): each batch costs as much as one. What was put on the stream before is visible to whoever sees
/// a flag written.
class StreamMemops {
 public:
  /// Until the flag is at least 1, as a signed number; then sets it to 0, so that it can be waited for again, also
  /// where this is recorded into a graph, in which all values are constants.
  void take(std::byte* flag);
  void write(std::byte* flag, uint32_t value);
  void flush(cudaStream_t stream);
  /// Whether the driver writes flags there, such as in another device's memory: tries it, with a 0.
  static bool can_write(cudaStream_t stream, std::byte* flag);

 private:
  std::vector<CUstreamBatchMemOpParams> noted_;
};

}  // namespace ringfold
