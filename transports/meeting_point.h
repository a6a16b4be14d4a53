#pragma once

#include "lib/error.h"
#include "lib/transport.h"
#include "transports/liveness.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ringfold {

/// Set by whoever ends the exchange, waited for by the rank that enqueued it.
class MeetingFence;

/// Where the ranks of one process, threads, meet: the state of the in_process transport, under one mutex.
///
/// Rendezvous: a transfer happens when the sender's and the receiver's exchange in flight both hold it; its bytes go
/// straight from the one's memory to the other's. The thread that finds that two sides have met starts the copy, in
/// chunks, and any rank that waits takes chunks too. The thread that ends an exchange starts the rank's next one, so
/// transfers go on while a rank computes. Nothing is allocated once the vectors have grown.
class MeetingPoint {
 public:
  MeetingPoint(int ranks, const TransportOptions& options);

  int ranks() const { return static_cast<int>(ranks_.size()); }

  void enqueue(int rank, const BoundExchange& exchange, MeetingFence& done);
  void wait(int rank, const std::atomic<bool>& done);
  void synchronize(int rank);
  void cancel(int rank) noexcept;

  /// Waits for all ranks. `kind`, a literal, must be the same on all; rank r leaves `mine` in slot(r) on its way.
  void meet(int rank, const char* kind, const std::string* mine);
  /// Valid between two meetings.
  const std::string& slot(int rank) const { return slots_[static_cast<size_t>(rank)]; }

  void arrive(int rank);
  void leave(int rank) noexcept;
  void abort(int rank, const Error& error) noexcept;
  /// Of another rank than `rank`.
  std::optional<Error> first_error(int rank);
  void tick(int rank) { liveness_.tick(rank); }
  void enter(int rank, int operation, const char* name) { liveness_.enter(rank, operation, name); }

 private:
  using Lock = std::unique_lock<std::mutex>;

  struct Enqueued {
    const BoundExchange* exchange = nullptr;
    MeetingFence* done = nullptr;
  };
  /// One receive of the exchange in flight, from when it is met on.
  struct Copy {
    bool met = false;
    bool cancelled = false;
    int sender = 0;
    int receiver = 0;
    const std::byte* from = nullptr;
    std::byte* to = nullptr;
    int64_t bytes = 0;
    int64_t claimed = 0;
    int64_t copied = 0;
  };
  struct Rank {
    std::atomic<int64_t> outstanding{0};  ///< exchanges enqueued and not ended
    std::vector<Enqueued> queue;          ///< entries from `next` on have not been started
    size_t next = 0;
    Enqueued current;  ///< the exchange in flight
    std::vector<char> sends_met;
    std::vector<Copy> copies;  ///< one a receive
    int64_t unfinished = 0;    ///< transfers of `current` that have not ended
    int chunks_in_copy = 0;    ///< chunks being copied now that touch this rank's memory
    bool asleep = false;
    bool in_meeting = false;
    std::condition_variable wake;
  };

  Rank& at(int rank) { return ranks_[static_cast<size_t>(rank)]; }
  Lock lock_up();
  template <typename Done>
  void wait_until(int rank, Waits waits, Done&& ended);
  template <typename Done>
  void sleep_until(Lock& lock, int rank, Done&& ended);
  void throw_if_over(int rank);
  void fail(int rank, const Error& error);

  void start_queued();
  void start(int rank);
  void pair(int sender, size_t send, int receiver, size_t receive);
  void end_transfer(Copy& copy);
  void end_part(int rank);
  bool copy_chunk(Lock& lock, int for_rank);
  Copy* open_copy(int for_rank);
  void wake(int rank);
  std::vector<Wanted> wanted(int rank);

  std::mutex mutex_;
  std::vector<Rank> ranks_;
  std::vector<int> to_start_;       ///< ranks whose next exchange may be startable
  std::vector<Copy*> open_copies_;  ///< met, with unclaimed bytes
  std::atomic<int> open_count_{0};
  int spins_ = 0;

  std::vector<std::string> slots_;
  const char* meeting_kind_ = nullptr;
  int arrived_ = 0;
  std::atomic<uint64_t> meetings_{0};

  Liveness liveness_;
  std::optional<Error> failure_;
  int failed_rank_ = -1;
};

class MeetingFence final : public Fence {
 public:
  MeetingFence(MeetingPoint& point, int rank) : point_(point), rank_(rank) {}
  bool ready() override { return done_.load(std::memory_order_acquire); }
  void wait() override { point_.wait(rank_, done_); }
  void set(bool done) { done_.store(done, std::memory_order_release); }

 private:
  MeetingPoint& point_;
  int rank_;
  std::atomic<bool> done_{true};  // nothing enqueued yet: nothing to wait for
};

}  // namespace ringfold
