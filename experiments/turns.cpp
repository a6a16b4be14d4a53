#include "experiments/turns.h"

namespace ringfold {

bool Turns::wait_for_all(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [&] { return ended_ || waiting_ == ranks_; });
  return !ended_;
}

bool Turns::wait_until_ready() {
  std::unique_lock<std::mutex> lock(mutex_);
  return wait_for_all(lock);
}

bool Turns::run_step() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!wait_for_all(lock)) return false;
  waiting_ = 0;
  ++granted_;
  changed_.notify_all();
  return wait_for_all(lock);
}

bool Turns::wait_for_step() {
  std::unique_lock<std::mutex> lock(mutex_);
  const int64_t next = granted_ + 1;
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return ended_ || finished_ || granted_ >= next; });
  return !ended_ && !finished_;
}

void Turns::finish() {
  const std::lock_guard<std::mutex> lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

bool Turns::is_given_up() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return ended_;
}

void Turns::end() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

}  // namespace ringfold
