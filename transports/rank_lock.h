#pragma once

#include <atomic>

namespace ringfold {

/// A lock between a rank's thread, which may wait for it, and the rank's helper, which never does: so neither pays for
/// more than taking it.
class RankLock {
 public:
  void lock() {
    if (!take()) wait();
  }
  /// Nobody waits for the rank's thread.
  void unlock() { state_.store(State::free, std::memory_order_release); }

  bool try_lock_as_helper() { return take(); }
  void unlock_as_helper() {
    if (state_.exchange(State::free, std::memory_order_acq_rel) == State::wanted) state_.notify_one();
  }

 private:
  enum class State : int { free, taken, wanted };

  bool take() {
    State expected = State::free;
    return state_.compare_exchange_strong(expected, State::taken, std::memory_order_acquire);
  }
  void wait() {
    while (state_.exchange(State::wanted, std::memory_order_acquire) != State::free) state_.wait(State::wanted);
  }

  std::atomic<State> state_{State::free};
};

}  // namespace ringfold
