#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace ringfold {

/// Tells on standard error how far a run is: a bar with the time left on a terminal, one line a finished case elsewhere.
class Progress {
 public:
  /// `cases` to run, those already there not counted.
  explicit Progress(int64_t cases);
  ~Progress();

  /// What is being done now, `share` (0..1) of the current cases done. Terminal only.
  void show(const std::string& doing, double share = 0);
  void finished(const std::string& label, const std::string& outcome);
  /// A line of its own.
  void note(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  std::string time_left(double done) const;
  void clear();

  int64_t cases_;
  int64_t finished_ = 0;
  int columns_ = 0;  ///< of the terminal; 0: none
  bool is_shown_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_shown_;
};

}  // namespace ringfold
