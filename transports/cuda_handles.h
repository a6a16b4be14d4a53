#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace ringfold {

/// Makes a device current for this thread as long as it lives.
class OnDevice {
 public:
  explicit OnDevice(int device);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_ = 0;
};

/// Of the device that was current when it was made.
class DeviceEvent {
 public:
  enum class Timed { no, yes };
  explicit DeviceEvent(Timed timed = Timed::no);
  ~DeviceEvent();
  DeviceEvent(const DeviceEvent&) = delete;
  DeviceEvent& operator=(const DeviceEvent&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// A stream of high priority that does not wait for the default one.
class CudaStream {
 public:
  CudaStream();
  ~CudaStream();
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  cudaStream_t get() const { return stream_; }
  bool is_idle() const;
  bool is_captured() const;

 private:
  cudaStream_t stream_ = nullptr;
};

/// From the host to the current device. Is there when it returns, for streams that do not wait for the default one,
/// too.
void upload(std::byte* to, const void* from, size_t bytes);

/// Zeros on the current device, which other devices and processes may be let into.
std::shared_ptr<std::byte> device_zeros(int64_t bytes);

}  // namespace ringfold
