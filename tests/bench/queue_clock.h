#pragma once

#include "lib/device.h"

#include <memory>

namespace ringfold {

/// Times what is enqueued, by the queue's own stamps. The queue must outlive it.
class QueueClock {
 public:
  explicit QueueClock(Queue& queue) : queue_(queue), begin_(queue.make_stamp()), end_(queue.make_stamp()) {}

  /// Waits for it to end.
  template <typename Enqueue>
  double us_of(Enqueue&& enqueue) {
    queue_.record(*begin_);
    enqueue();
    queue_.record(*end_);
    queue_.synchronize();
    return 1000.0 * end_->ms_since(*begin_);
  }

 private:
  Queue& queue_;
  std::unique_ptr<Stamp> begin_;
  std::unique_ptr<Stamp> end_;
};

}  // namespace ringfold
