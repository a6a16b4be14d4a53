#pragma once

#include "lib/bound_program.h"
#include "lib/executor.h"

#include <chrono>
#include <memory>
#include <vector>

namespace ringfold {

/// Tells an observer of runs of a program: of a host queue as they go by, of a device queue by stamps around each
/// compute operation. As long as it lives, exchanges note when they were in flight.
class WatchedRun {
 public:
  /// All must outlive this.
  WatchedRun(ExecutionObserver& observer, Queue& queue, std::vector<BoundOperation>& operations);
  ~WatchedRun();
  WatchedRun(const WatchedRun&) = delete;
  WatchedRun& operator=(const WatchedRun&) = delete;

  void begin(size_t operation);
  void start(size_t operation);
  void end(size_t operation);
  /// Once all has ended, at `ended`, when `last` became ready.
  void tell(const Stamp& last, std::chrono::steady_clock::time_point ended);

 private:
  struct Stamps {
    std::unique_ptr<Stamp> begin;
    std::unique_ptr<Stamp> start;
    std::unique_ptr<Stamp> end;
  };
  void record(std::unique_ptr<Stamp> Stamps::* which, size_t operation);

  ExecutionObserver& observer_;
  Queue& queue_;
  std::vector<BoundOperation>& operations_;
  std::vector<ExchangeSpan> spans_;
  std::vector<Stamps> stamps_;  ///< of each operation; none on a host queue
};

}  // namespace ringfold
