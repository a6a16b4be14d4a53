#include "kernels/host_device.h"

#include "lib/error.h"
#include "lib/host_stamp.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace ringfold {

namespace {

constexpr int64_t kAlignment = 64;
/// Memory that holds one is made of such pages where the system has them: a copy from another process takes about half
/// the time, since the kernel looks up each page.
constexpr int64_t kHugePage = int64_t{2} << 20;
// More than any address space holds: not worth asking for, and safe to round up.
constexpr int64_t kTooMuch = int64_t{1} << 56;

class HostQueue : public Queue {
 public:
  HostQueue(int threads, std::function<void()> tick) : threads_(threads), tick_(std::move(tick)) {}
  std::unique_ptr<Fence> make_fence() override { return make_stamp(); }
  std::unique_ptr<Stamp> make_stamp() override { return std::make_unique<HostStamp>(); }
  void record(Fence& fence) override { static_cast<HostStamp&>(fence).set(); }
  void wait(Fence& fence) override { fence.wait(); }
  void synchronize() override {}
  void tick() override {
    if (tick_) tick_();
  }
  int threads() const override { return threads_; }

 private:
  int threads_;
  std::function<void()> tick_;
};

void copy_bytes(std::byte* to, const std::byte* from, int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

}  // namespace

HostDevice::HostDevice(int threads, std::function<void()> tick) : threads_(threads), tick_(std::move(tick)) {
  RINGFOLD_INVARIANT(threads >= 1, "a host device needs a thread, got {}", threads);
}

std::shared_ptr<std::byte> HostDevice::allocate(int64_t bytes) {
  RINGFOLD_INVARIANT(bytes >= 0, "allocation of {} bytes", bytes);
  void* memory = nullptr;
  const bool is_huge = bytes >= kHugePage;
  const auto size = static_cast<size_t>(std::max<int64_t>(bytes, 1));
  if (bytes >= kTooMuch || posix_memalign(&memory, is_huge ? kHugePage : kAlignment, size) != 0) memory = nullptr;
  if (memory != nullptr && is_huge) (void)madvise(memory, size, MADV_HUGEPAGE);
  RINGFOLD_CHECK(memory != nullptr, ExitCode::unavailable, "host memory: {} bytes could not be allocated", bytes);
  account_->add(bytes);
  return {static_cast<std::byte*>(memory), [account = account_, bytes](std::byte* freed) {
            account->remove(bytes);
            std::free(freed);
          }};
}

int64_t HostDevice::allocated_bytes() const { return account_->now(); }

int64_t HostDevice::peak_bytes() const { return account_->peak(); }

std::unique_ptr<Queue> HostDevice::make_queue() { return std::make_unique<HostQueue>(threads_, tick_); }

void HostDevice::copy_to_device(std::byte* to, const std::byte* from, int64_t bytes) { copy_bytes(to, from, bytes); }

void HostDevice::copy_to_host(std::byte* to, const std::byte* from, int64_t bytes) { copy_bytes(to, from, bytes); }

}  // namespace ringfold
