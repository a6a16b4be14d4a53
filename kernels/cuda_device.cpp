#include "kernels/cuda_device.h"

#include "kernels/cuda_check.h"
#include "kernels/cuda_devices.h"
#include "kernels/cuda_queue.h"
#include "lib/error.h"

#include <algorithm>

namespace ringfold {

namespace {

// More than any device has: not worth asking for.
constexpr int64_t kTooMuch = int64_t{1} << 56;
/// Between two signs of life.
constexpr int64_t kCopyStep = int64_t{64} << 20;

}  // namespace

void CudaContext::make_current() const { RINGFOLD_CUDA_CHECK(cudaSetDevice(ordinal)); }

CudaDevice::CudaDevice(int ordinal, int threads, std::function<void()> tick)
    : context_(std::make_shared<CudaContext>(CudaContext{ordinal, threads, std::move(tick), 0})) {
  RINGFOLD_INVARIANT(threads >= 1, "a CUDA device needs a host thread, got {}", threads);
  const int devices = cuda_devices();
  RINGFOLD_CHECK(ordinal >= 0 && ordinal < devices, ExitCode::unavailable, "CUDA device {} of {}", ordinal, devices);
  context_->make_current();
  RINGFOLD_CUDA_CHECK(cudaDeviceGetAttribute(&context_->multiprocessors, cudaDevAttrMultiProcessorCount, ordinal));
  RINGFOLD_CUDA_CHECK(cudaStreamCreateWithFlags(&transfers_, cudaStreamNonBlocking));
}

CudaDevice::~CudaDevice() {
  context_->try_make_current();
  (void)cudaStreamDestroy(transfers_);
}

std::shared_ptr<std::byte> CudaDevice::allocate(int64_t bytes) {
  RINGFOLD_INVARIANT(bytes >= 0, "allocation of {} bytes", bytes);
  context_->make_current();
  void* memory = nullptr;
  cudaError_t error = cudaErrorMemoryAllocation;
  if (bytes < kTooMuch) error = cudaMalloc(&memory, static_cast<size_t>(std::max<int64_t>(bytes, 1)));
  if (error == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();  // not to be found by the next check
    throw Error(ExitCode::unavailable,
                fmt::format("CUDA device {}: {} bytes could not be allocated; {} bytes are free", context_->ordinal,
                            bytes, cuda_free_bytes(context_->ordinal).value_or(0)));
  }
  if (error != cudaSuccess) fail_cuda(error, __FILE__, __LINE__, "cudaMalloc");
  account_->add(bytes);
  return {static_cast<std::byte*>(memory), [context = context_, account = account_, bytes](std::byte* freed) {
            account->remove(bytes);
            context->try_make_current();
            (void)cudaFree(freed);
          }};
}

std::unique_ptr<Queue> CudaDevice::make_queue() { return make_cuda_queue(false); }

std::unique_ptr<CudaQueue> CudaDevice::make_cuda_queue(bool urgent) {
  return std::make_unique<CudaQueue>(context_, urgent);
}

void CudaDevice::copy_to_device(std::byte* to, const std::byte* from, int64_t bytes) {
  copy(to, from, bytes, cudaMemcpyHostToDevice);
}

void CudaDevice::copy_to_host(std::byte* to, const std::byte* from, int64_t bytes) {
  copy(to, from, bytes, cudaMemcpyDeviceToHost);
}

void CudaDevice::copy(std::byte* to, const std::byte* from, int64_t bytes, cudaMemcpyKind kind) {
  context_->make_current();
  for (int64_t begin = 0; begin < bytes; begin += kCopyStep) {
    const auto step = static_cast<size_t>(std::min(kCopyStep, bytes - begin));
    // Not cudaMemcpy: queues do not wait for its stream, and it may return before small copies are there.
    RINGFOLD_CUDA_CHECK(cudaMemcpyAsync(to + begin, from + begin, step, kind, transfers_));
    RINGFOLD_CUDA_CHECK(cudaStreamSynchronize(transfers_));
    if (context_->tick) context_->tick();
  }
}

}  // namespace ringfold
