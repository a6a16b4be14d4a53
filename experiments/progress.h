#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ringfold {

/// Tells on standard error how far a run is: a bar with the time left on a terminal, one line a finished case
/// elsewhere.
class Progress {
 public:
  /// `cases` to run, those already there not counted. `leads`: false for a process that says nothing.
  explicit Progress(int64_t cases, bool leads = true);
  ~Progress();

  /// What is being done now, and the work done of cases that have not finished, in cases.
  void show(const std::string& doing, double unfinished = 0);
  void finished(const std::string& label, const std::string& outcome);
  /// A line of its own.
  void note(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  std::string time_left() const;
  void clear();

  int64_t cases_;
  int64_t finished_ = 0;
  double done_ = 0;  ///< in cases, unfinished ones counted by their work done
  bool leads_ = true;
  int columns_ = 0;  ///< of the terminal; 0: none
  bool is_shown_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_shown_;
};

}  // namespace ringfold
