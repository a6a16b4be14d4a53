#pragma once

#include "kernels/memory_account.h"
#include "lib/device.h"

#include <functional>

namespace ringfold {

/// Host memory, and queues that run work in the calling thread.
class HostDevice : public Device {
 public:
  /// `threads` may be used by one operation; `tick` may be empty, see Queue::tick.
  explicit HostDevice(int threads = 1, std::function<void()> tick = {});

  MemoryKind memory_kind() const override { return MemoryKind::host; }
  /// Zero bytes give a pointer too. Handles may outlive the device.
  std::shared_ptr<std::byte> allocate(int64_t bytes) override;
  int64_t allocated_bytes() const override;
  int64_t peak_bytes() const override;
  std::unique_ptr<Queue> make_queue() override;
  void copy_to_device(std::byte* to, const std::byte* from, int64_t bytes) override;
  void copy_to_host(std::byte* to, const std::byte* from, int64_t bytes) override;

 private:
  std::shared_ptr<MemoryAccount> account_ = std::make_shared<MemoryAccount>();
  int threads_;
  std::function<void()> tick_;
};

}  // namespace ringfold
