#include "transports/cuda_handles.h"

#include "transports/cuda_check.h"

namespace ringfold {

void fail_cuda(const char* file, int line, const char* call, cudaError_t status) {
  const ExitCode code = status == cudaErrorMemoryAllocation ? ExitCode::unavailable : ExitCode::internal;
  throw Error(code, fmt::format("CUDA: {} ({}) at {}:{}: {}", cudaGetErrorString(status), cudaGetErrorName(status),
                                file, line, call));
}

OnDevice::OnDevice(int device) {
  RINGFOLD_CUDA(cudaGetDevice(&before_));
  RINGFOLD_CUDA(cudaSetDevice(device));
}

OnDevice::~OnDevice() { (void)cudaSetDevice(before_); }

DeviceEvent::DeviceEvent(Timed timed) {
  RINGFOLD_CUDA(cudaEventCreateWithFlags(&event_, timed == Timed::yes ? cudaEventDefault : cudaEventDisableTiming));
}

DeviceEvent::~DeviceEvent() { (void)cudaEventDestroy(event_); }

CudaStream::CudaStream() {
  int least = 0;
  int greatest = 0;
  RINGFOLD_CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  RINGFOLD_CUDA(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest));
}

CudaStream::~CudaStream() { (void)cudaStreamDestroy(stream_); }

bool CudaStream::is_idle() const { return cudaStreamQuery(stream_) != cudaErrorNotReady; }

bool CudaStream::is_captured() const {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  RINGFOLD_CUDA(cudaStreamIsCapturing(stream_, &status));
  return status != cudaStreamCaptureStatusNone;
}

void upload(std::byte* to, const void* from, size_t bytes) {
  RINGFOLD_CUDA(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice));
  RINGFOLD_CUDA(cudaStreamSynchronize(nullptr));  // cudaMemcpy may return before small copies are there
}

std::shared_ptr<std::byte> device_zeros(int64_t bytes) {
  int device = 0;
  void* memory = nullptr;
  RINGFOLD_CUDA(cudaGetDevice(&device));
  RINGFOLD_CUDA(cudaMalloc(&memory, static_cast<size_t>(bytes)));
  std::shared_ptr<std::byte> owner(static_cast<std::byte*>(memory), [device](std::byte* freed) {
    int before = 0;
    (void)cudaGetDevice(&before);
    (void)cudaSetDevice(device);
    (void)cudaFree(freed);
    (void)cudaSetDevice(before);
  });
  RINGFOLD_CUDA(cudaMemset(memory, 0, static_cast<size_t>(bytes)));
  RINGFOLD_CUDA(cudaStreamSynchronize(nullptr));
  return owner;
}

}  // namespace ringfold
