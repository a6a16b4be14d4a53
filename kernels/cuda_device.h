#pragma once

#include "kernels/memory_account.h"
#include "lib/device.h"

#include <cuda_runtime.h>

#include <functional>
#include <memory>

namespace ringfold {

class CudaQueue;

/// What queues of a device need of it; outlives it where they do.
struct CudaContext {
  int ordinal = 0;
  int threads = 1;
  std::function<void()> tick;  ///< may be empty
  int multiprocessors = 0;

  /// Makes the device the calling thread's current one, and leaves it so: going back to a device that the thread has
  /// never used would make a context there.
  void make_current() const;
  /// The same for destructors.
  void try_make_current() const noexcept { (void)cudaSetDevice(ordinal); }
};

/// One GPU. Ranks that are threads have one each; every call makes the device current in the calling thread.
class CudaDevice : public Device {
 public:
  /// `tick` may be empty, see Queue::tick. Throws Error(unavailable) if there is no such device.
  explicit CudaDevice(int ordinal, int threads = 1, std::function<void()> tick = {});
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  const CudaContext& context() const { return *context_; }
  MemoryKind memory_kind() const override { return MemoryKind::cuda; }
  /// Of cudaMalloc, each allocation one of its own: 256-byte aligned, open to peers and to cudaIpcGetMemHandle.
  /// Zero bytes give a pointer too. Handles may outlive the device, and be dropped in any thread.
  std::shared_ptr<std::byte> allocate(int64_t bytes) override;
  int64_t allocated_bytes() const override { return account_->now(); }
  int64_t peak_bytes() const override { return account_->peak(); }
  std::unique_ptr<Queue> make_queue() override;
  /// `urgent` work goes before that of other queues wherever a multiprocessor is free: transfers, that attention would
  /// hold up.
  std::unique_ptr<CudaQueue> make_cuda_queue(bool urgent);
  /// On a stream of the device's own: they wait for no queue, and return when all is there.
  void copy_to_device(std::byte* to, const std::byte* from, int64_t bytes) override;
  void copy_to_host(std::byte* to, const std::byte* from, int64_t bytes) override;

 private:
  void copy(std::byte* to, const std::byte* from, int64_t bytes, cudaMemcpyKind kind);

  std::shared_ptr<CudaContext> context_;
  std::shared_ptr<MemoryAccount> account_ = std::make_shared<MemoryAccount>();
  cudaStream_t transfers_ = nullptr;
};

}  // namespace ringfold
