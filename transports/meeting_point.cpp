#include "transports/meeting_point.h"

#include "lib/error.h"
#include "lib/stop.h"
#include "transports/pause.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace ringfold {

namespace {

/// About 10 us of spinning where every rank has a core, next to nothing where ranks share cores.
constexpr int kSpins = 300;
constexpr int kSpinsShared = 20;
/// Then the core is offered to others for a while: cheaper than to sleep and be woken where ranks share cores.
constexpr int kYields = 50;

}  // namespace

MeetingPoint::MeetingPoint(int ranks, const TransportOptions& options)
    : ranks_(static_cast<size_t>(ranks)),
      spins_(static_cast<unsigned>(ranks) <= std::thread::hardware_concurrency() ? kSpins : kSpinsShared),
      slots_(static_cast<size_t>(ranks)),
      liveness_(ranks, options.deadline) {}

MeetingPoint::Lock MeetingPoint::lock_up() {
  Lock lock(mutex_, std::try_to_lock);
  for (int i = 0; i < spins_ && !lock.owns_lock(); ++i) {
    pause_briefly();
    (void)lock.try_lock();
  }
  if (!lock.owns_lock()) lock.lock();
  return lock;
}

void MeetingPoint::throw_if_over(int rank) {
  if (failure_ && failed_rank_ == rank) throw *failure_;
  RINGFOLD_CHECK(!failure_, failure_->code(), "freed, since rank {} failed: {}", failed_rank_, failure_->what());
  RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted");
}

void MeetingPoint::wake(int rank) {
  if (at(rank).asleep) at(rank).wake.notify_one();
}

template <typename Done>
void MeetingPoint::wait_until(int rank, Waits waits, Done&& ended) {
  for (int i = 0; i < spins_ + kYields; ++i) {
    if (ended()) return;
    if (open_count_.load(std::memory_order_relaxed) > 0) {
      Lock lock = lock_up();
      copy_chunk(lock, -1);
    } else if (i < spins_) {
      pause_briefly();
    } else {
      std::this_thread::yield();
    }
  }
  if (ended()) return;
  Lock lock = lock_up();
  liveness_.set_waits(rank, waits);
  try {
    sleep_until(lock, rank, ended);
  } catch (...) {
    liveness_.set_waits(rank, Waits::no);
    throw;
  }
  liveness_.set_waits(rank, Waits::no);
}

template <typename Done>
void MeetingPoint::sleep_until(Lock& lock, int rank, Done&& ended) {
  Rank& mine = at(rank);
  while (!ended()) {
    throw_if_over(rank);
    if (copy_chunk(lock, -1)) continue;
    try {
      liveness_.survey(rank, [this](int waiting) { return wanted(waiting); });
    } catch (const Error& error) {
      fail(rank, error);  // at once: another's verdict would no longer list this rank among those that wait
      throw;
    }
    mine.asleep = true;
    mine.wake.wait_for(lock, liveness_.period());
    mine.asleep = false;
  }
}

void MeetingPoint::wait(int rank, const std::atomic<bool>& done) {
  wait_until(rank, Waits::exchange, [&] { return done.load(std::memory_order_acquire); });
}

void MeetingPoint::synchronize(int rank) {
  wait_until(rank, Waits::exchange, [&] { return at(rank).outstanding.load(std::memory_order_acquire) == 0; });
}

void MeetingPoint::meet(int rank, const char* kind, const std::string* mine) {
  uint64_t meeting = 0;
  {
    const Lock lock = lock_up();
    throw_if_over(rank);
    RINGFOLD_INVARIANT(arrived_ == 0 || std::strcmp(meeting_kind_, kind) == 0, "rank {} is in {}, others in {}", rank,
                       kind, meeting_kind_);
    meeting_kind_ = kind;
    if (mine != nullptr) slots_[static_cast<size_t>(rank)] = *mine;
    at(rank).in_meeting = true;
    meeting = meetings_.load(std::memory_order_relaxed);
    if (++arrived_ == ranks()) {
      arrived_ = 0;
      for (Rank& each : ranks_) each.in_meeting = false;
      meetings_.store(meeting + 1, std::memory_order_release);
      for (int each = 0; each < ranks(); ++each) wake(each);
    }
  }
  wait_until(rank, Waits::meeting, [&] { return meetings_.load(std::memory_order_acquire) != meeting; });
}

void MeetingPoint::arrive(int rank) {
  const Lock lock = lock_up();
  liveness_.arrive(rank);
}

void MeetingPoint::leave(int rank) noexcept {
  const Lock lock = lock_up();
  liveness_.leave(rank);
  for (int each = 0; each < ranks(); ++each) wake(each);
}

void MeetingPoint::abort(int rank, const Error& error) noexcept {
  const Lock lock = lock_up();
  fail(rank, error);
}

std::optional<Error> MeetingPoint::first_error(int rank) {
  const Lock lock = lock_up();
  return failed_rank_ == rank ? std::nullopt : failure_;
}

void MeetingPoint::fail(int rank, const Error& error) {
  if (!failure_) {
    failure_ = error;
    failed_rank_ = rank;
  }
  for (int each = 0; each < ranks(); ++each) wake(each);
}

std::vector<Wanted> MeetingPoint::wanted(int rank) {
  std::vector<Wanted> list;
  const Rank& waiting = at(rank);
  if (liveness_.waits(rank) == Waits::meeting) {
    for (int peer = 0; peer < ranks() && waiting.in_meeting; ++peer) {
      if (!at(peer).in_meeting) list.push_back({peer, meeting_kind_, -1, 0, 0});
    }
    return list;
  }
  const BoundExchange* exchange = waiting.current.exchange;
  if (exchange == nullptr) return list;
  for (size_t i = 0; i < exchange->sends.size(); ++i) {
    const Transfer& send = exchange->sends[i];
    if (!waiting.sends_met[i]) list.push_back({send.peer, "to receive", exchange->operation, send.tag, send.bytes});
  }
  for (size_t i = 0; i < exchange->receives.size(); ++i) {
    const Transfer& receive = exchange->receives[i];
    if (!waiting.copies[i].met) {
      list.push_back({receive.peer, "to send", exchange->operation, receive.tag, receive.bytes});
    }
  }
  return list;
}

}  // namespace ringfold
