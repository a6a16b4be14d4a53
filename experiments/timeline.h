#pragma once

#include "lib/executor.h"
#include "lib/schedule.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// What the ranks of several cases do when, for chrome://tracing or ui.perfetto.dev: a process a case, a thread a rank.
class Timeline {
 public:
  /// An observer of one rank's forward; its events are added when it is destroyed. Threads may call it at once.
  std::unique_ptr<ExecutionObserver> observe(const std::string& label, const Program& program, int rank);
  /// Throws Error(internal) naming the file.
  void write(const std::string& path) const;

 private:
  friend class RankTimeline;
  using Clock = std::chrono::steady_clock;

  struct Event {
    std::string label;
    std::string_view name;
    int rank = 0;
    int operation = 0;
    Clock::time_point begin;  ///< its turn came
    Clock::time_point start;  ///< what it waited for was there
    Clock::time_point end;
  };

  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace ringfold
