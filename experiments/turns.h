#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace ringfold {

/// Lets the ranks of one case work only when it is their turn, so that the repeats of several cases alternate while all
/// of them stay set up. The conductor (one thread) grants steps; the case's ranks wait for them.
class Turns {
 public:
  explicit Turns(int ranks) : ranks_(ranks) {}

  // For the conductor.
  /// Lets every rank do its next step and waits until all wait for the following one. False: the case has ended.
  bool run_step();
  /// Waits until all ranks wait for their first step. False: the case has ended.
  bool wait_until_ready();
  /// No more steps: the ranks go on to conclude the case.
  void finish();

  // For the ranks.
  /// Waits for the next step. False: there is none.
  bool wait_for_step();
  /// There is none because the case is given up, by a rank or by the conductor.
  bool is_given_up();
  /// The case has failed, or all its ranks have left: nobody waits any longer.
  void end();

 private:
  bool wait_for_all(std::unique_lock<std::mutex>& lock);

  const int ranks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t granted_ = 0;  ///< steps that ranks may have begun
  int waiting_ = 0;      ///< ranks that wait for step granted_ + 1
  bool ended_ = false;
  bool finished_ = false;
};

}  // namespace ringfold
