#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace ringfold {

/// The thread that keeps a rank's transfers going while the rank computes.
///
/// A rank that exchanges and waits at once must not pay for it: while there is something to do now and then, the helper
/// looks by itself every 100 us, and takes over only where the rank has gone to compute. It then sleeps on the
/// library's descriptor, and on nothing but its own once there has been nothing to do for a while. A look costs the
/// rank some microseconds, so they become rarer the longer the rank makes progress itself.
class UcxHelper {
 public:
  /// From look to look; while the rank makes progress itself twice as long each time, up to the longest.
  static constexpr std::chrono::nanoseconds kShortest = std::chrono::microseconds(100);
  static constexpr std::chrono::nanoseconds kLongest = 8 * kShortest;

  enum class Found {
    nothing,  ///< nothing in flight
    driven,   ///< the rank's own thread looks after it
    busy,     ///< to be looked at again soon
    armed,    ///< the descriptor becomes readable when there is something to do
  };

  /// `look`, called on the helper's thread, makes progress where that is the helper's to make. Once it has said
  /// `nothing`, `driven` or `armed`, call() must follow what changes that.
  UcxHelper(int descriptor, std::function<Found()> look);
  ~UcxHelper();
  UcxHelper(const UcxHelper&) = delete;
  UcxHelper& operator=(const UcxHelper&) = delete;

  /// There is work in flight that the helper may not know of. Costs little while it looks by itself. What was written
  /// before is seen by the helper's next look, or wakes it: hence an exchange on either side.
  void call() {
    if (asleep_.exchange(false, std::memory_order_acq_rel)) wake();
  }

 private:
  void run();
  void sleep(int descriptor, std::chrono::nanoseconds at_most);
  void wake();

  int descriptor_;
  int kick_;
  std::function<Found()> look_;
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stop_{false};
  std::jthread thread_;
};

}  // namespace ringfold
