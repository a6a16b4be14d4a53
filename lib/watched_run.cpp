#include "lib/watched_run.h"

namespace ringfold {

WatchedRun::WatchedRun(ExecutionObserver& observer, Queue& queue, std::vector<BoundOperation>& operations)
    : observer_(observer), queue_(queue), operations_(operations), spans_(operations.size()) {
  for (size_t i = 0; i < operations.size(); ++i) {
    if (operations[i].exchange) operations[i].exchange->span = &spans_[i];
    if (queue.native() == nullptr) continue;
    stamps_.push_back({queue.make_stamp(), queue.make_stamp(), queue.make_stamp()});
  }
}

WatchedRun::~WatchedRun() {
  for (const BoundOperation& operation : operations_) {
    if (operation.exchange) operation.exchange->span = nullptr;
  }
}

void WatchedRun::begin(size_t operation) {
  observer_.begin(static_cast<int>(operation));
  record(&Stamps::begin, operation);
}

void WatchedRun::start(size_t operation) {
  observer_.start(static_cast<int>(operation));
  record(&Stamps::start, operation);
}

void WatchedRun::end(size_t operation) {
  record(&Stamps::end, operation);
  observer_.end(static_cast<int>(operation));
}

void WatchedRun::record(std::unique_ptr<Stamp> Stamps::* which, size_t operation) {
  if (!stamps_.empty() && !operations_[operation].exchange) queue_.record(*(stamps_[operation].*which));
}

/// A device's times are told by how long they were before the end.
void WatchedRun::tell(const Stamp& last, std::chrono::steady_clock::time_point ended) {
  using Duration = std::chrono::steady_clock::duration;
  const auto at = [&](const Stamp& stamp) {
    return ended -
           std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(last.ms_since(stamp)));
  };
  for (size_t i = 0; i < operations_.size(); ++i) {
    if (operations_[i].exchange) {
      observer_.exchanged(static_cast<int>(i), spans_[i]);
    } else if (!stamps_.empty()) {
      observer_.computed(static_cast<int>(i), {at(*stamps_[i].begin), at(*stamps_[i].start), at(*stamps_[i].end)});
    }
  }
}

}  // namespace ringfold
