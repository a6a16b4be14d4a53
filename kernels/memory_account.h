#pragma once

#include <atomic>
#include <cstdint>

namespace ringfold {

/// Bytes that a device has handed out, now and at most. Shared by the handles, which may outlive the device.
class MemoryAccount {
 public:
  void add(int64_t bytes) {
    const int64_t now = now_.fetch_add(bytes) + bytes;
    int64_t peak = peak_.load();
    while (peak < now && !peak_.compare_exchange_weak(peak, now)) {
    }
  }
  void remove(int64_t bytes) { now_.fetch_sub(bytes); }
  int64_t now() const { return now_.load(); }
  int64_t peak() const { return peak_.load(); }

 private:
  std::atomic<int64_t> now_{0};
  std::atomic<int64_t> peak_{0};
};

}  // namespace ringfold
