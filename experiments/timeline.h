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
  /// `path`: empty for a process that sends its events to another. Throws Error(internal) if the file cannot be
  /// written: now, and not when all has been measured.
  explicit Timeline(const std::string& path);
  /// Leaves no empty file where there was none.
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  /// An observer of one rank's forward; its events are added when it is destroyed. Threads may call it at once.
  std::unique_ptr<ExecutionObserver> observe(const std::string& label, const Program& program, int rank);
  /// Takes the events collected so far, for another process to add.
  std::string take();
  /// Clocks of other hosts stand elsewhere: a rank's first event is laid on the first of this process.
  void add(const std::string& taken);
  /// In place of what the file held. Throws Error(internal) naming the file.
  void write();

 private:
  friend class RankTimeline;
  using Clock = std::chrono::steady_clock;

  struct Event {
    std::string label;
    std::string name;
    int rank = 0;
    int operation = 0;
    Clock::time_point begin;  ///< its turn came
    Clock::time_point start;  ///< what it waited for was there
    Clock::time_point end;
  };

  std::string path_;
  bool is_new_ = false;  ///< made here, and nothing written yet
  std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace ringfold
