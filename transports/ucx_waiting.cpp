// How a rank waits for its exchanges: who makes progress, when it sleeps, when it gives up.
#include "lib/stop.h"
#include "transports/pause.h"
#include "transports/ucx_engine.h"

#include <algorithm>
#include <poll.h>
#include <set>
#include <thread>

namespace ringfold {

namespace {

/// About 100 us of looking before a rank sleeps. The first microsecond without a pause; then every microsecond the core
/// is offered to others: the peer may be on the same one, and two ranks that sleep and wake each other would do so for
/// ever, or on its other hardware thread, which copies a large message faster meanwhile.
constexpr int kLooks = 2000;
constexpr int kEagerLooks = 128;
constexpr int kLooksAYield = 20;
/// Refusals of the library to let a rank sleep before it sleeps all the same, for a moment.
constexpr int kRefusals = 50;
/// A rest, of some 0.7 us; not worth it where so few transfers are left.
constexpr int kPausesARest = 16;
constexpr int64_t kFew = 3;
/// Looks between two glances at the clock.
constexpr int kLooksAClock = 256;
/// A wait this long is told to the control plane.
constexpr std::chrono::milliseconds kLong{10};
/// How long the control plane has to say better than UCX what became of a peer.
constexpr std::chrono::milliseconds kGrace{1000};

}  // namespace

/// What a wait does now and then: asks the control plane whether all is well, and tells it of a long wait.
class UcxEngine::Patience {
 public:
  explicit Patience(UcxEngine& engine)
      : engine_(engine), period_(std::clamp(engine.deadline_ / 10, std::chrono::milliseconds(1), kPeriod)) {}
  ~Patience() {
    if (told_ == nullptr) return;
    try {
      engine_.control_.waits_for({});
    } catch (const std::exception&) {  // the next call says it again
    }
  }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  std::chrono::milliseconds period() const { return told_ == nullptr ? std::min(kLong, period_) : period_; }
  void look() {
    const Clock::time_point now = Clock::now();
    if (!begin_) begin_ = now;
    if (now - looked_ < std::min<Clock::duration>(period_, kLong)) return;
    looked_ = now;
    RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted");
    engine_.control_.check();
    engine_.look_at_peers();
    if (engine_.failed_at_ && now - *engine_.failed_at_ > kGrace) throw *engine_.failure_;
    if (now - *begin_ < kLong || !engine_.working()) return;
    if (told_ == engine_.current_.exchange && told_unfinished_ == engine_.unfinished_) return;
    told_ = engine_.current_.exchange;
    told_unfinished_ = engine_.unfinished_;
    engine_.control_.waits_for(engine_.wanted());
  }

 private:
  static constexpr std::chrono::milliseconds kPeriod{50};

  UcxEngine& engine_;
  std::chrono::milliseconds period_;
  std::optional<Clock::time_point> begin_;
  Clock::time_point looked_{};
  const BoundExchange* told_ = nullptr;
  int64_t told_unfinished_ = 0;
};

/// The rank's own thread makes progress; the helper keeps out.
class UcxEngine::Driving {
 public:
  explicit Driving(UcxEngine& engine) : driving_(engine.driving_) { driving_.store(true, std::memory_order_relaxed); }
  ~Driving() { driving_.store(false, std::memory_order_relaxed); }
  Driving(const Driving&) = delete;
  Driving& operator=(const Driving&) = delete;

 private:
  std::atomic<bool>& driving_;
};

template <typename Done>
void UcxEngine::drive_until(Done&& ended) {
  if (ended()) return;
  const Holding holding(*this);
  const Driving driving(*this);
  Patience patience(*this);
  int looks = 0;
  for (int idle = 0; !ended();) {
    if (++looks % kLooksAClock == 0) patience.look();
    if (progress()) {
      rest();
      idle = 0;
      continue;
    }
    throw_if_over();
    if (++idle <= kEagerLooks) continue;
    if (idle % kLooksAYield == 0) std::this_thread::yield();
    if (idle <= kLooks) {
      pause_briefly();
    } else {
      patience.look();
      sleep(patience.period());
    }
  }
}

/// Where many small messages are on their way, who looks without rest takes each line of memory from the sender while
/// it is being written: with a rest they come in twos and threes, up to a third faster.
void UcxEngine::rest() const {
  if (!are_small_ || unfinished_ <= kFew) return;
  for (int i = 0; i < kPausesARest; ++i) pause_briefly();
}

void UcxEngine::wait(const std::atomic<bool>& done) {
  drive_until([&] { return done.load(std::memory_order_acquire); });
}

void UcxEngine::synchronize() {
  drive_until([&] { return outstanding_.load(std::memory_order_acquire) == 0; });
}

void UcxEngine::sleep(std::chrono::milliseconds at_most) {
  const ucs_status_t status = is_broken_ ? UCS_ERR_BUSY : ucp_worker_arm(worker_.get());
  RINGFOLD_CHECK(status == UCS_OK || status == UCS_ERR_BUSY, ExitCode::internal, "rank {}: UCX cannot sleep: {}", rank_,
                 ucx_error_text(status));
  busy_ = status == UCS_OK ? 0 : busy_ + 1;
  if (status == UCS_OK) {
    lock_.unlock();
    pollfd source{descriptor_, POLLIN, 0};
    poll(&source, 1, static_cast<int>(at_most.count()));
    lock_.lock();
  } else if (busy_ > kRefusals) {  // something has to be sent, to a peer that has no room for it now
    lock_.unlock();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    lock_.lock();
  }
}

/// The helper's turn.
UcxHelper::Found UcxEngine::look() {
  if (outstanding_.load(std::memory_order_acquire) == 0) return UcxHelper::Found::nothing;
  if (!lock_.try_lock_as_helper()) return driving_ ? UcxHelper::Found::driven : UcxHelper::Found::busy;
  const UcxHelper::Found found = look_inside();
  lock_.unlock_as_helper();
  return found;
}

UcxHelper::Found UcxEngine::look_inside() {
  if (!working() || failure_) return UcxHelper::Found::nothing;
  while (!driving_ && progress()) {
  }
  if (driving_) return UcxHelper::Found::driven;
  if (!working() || is_broken_) return UcxHelper::Found::nothing;
  return ucp_worker_arm(worker_.get()) == UCS_OK ? UcxHelper::Found::armed : UcxHelper::Found::busy;
}

/// The rank's thread takes the worker from the helper.
void UcxEngine::take() {
  if (!is_held_) lock_.lock();
  is_held_ = true;
}

/// What is in flight becomes the helper's to look after; if nothing is, the lock may as well be kept.
void UcxEngine::give() {
  if (!working()) return;
  is_held_ = false;
  lock_.unlock();
  if (helper_) helper_->call();
}

void UcxEngine::throw_if_over() {
  RINGFOLD_INVARIANT(!closed_, "rank {}: exchanges go on after they were cancelled", rank_);
  if (failure_ && !failed_at_) throw *failure_;
}

/// A receive stays pending for ever when its sender is gone.
void UcxEngine::look_at_peers() {
  for (const Slot& slot : slots_) {
    if (slot.ended || failure_ || !working()) continue;
    const ucs_status_t status = peers_->failure(slot.transfer->peer);
    if (status != UCS_OK) note_failure(slot, status, 0);
  }
}

std::vector<Wanted> UcxEngine::wanted() const {
  std::vector<Wanted> list;
  for (const Slot& slot : slots_) {
    if (slot.ended) continue;
    const Transfer& transfer = *slot.transfer;
    list.push_back({transfer.peer, slot.sends ? "to receive" : "to send", current_.exchange->operation, transfer.tag,
                    transfer.bytes});
  }
  return list;
}

/// "; it waits for ranks 1, 3 in operation 5 (exchange)": one of those may be the one that is lost.
std::string UcxEngine::pending() const {
  std::set<int> peers;
  for (const Wanted& each : wanted()) peers.insert(each.peer);
  if (peers.empty()) return {};
  return fmt::format("; it waits for rank{} {} in operation {} (exchange)", peers.size() == 1 ? "" : "s",
                     fmt::join(peers, ", "), current_.exchange->operation);
}

}  // namespace ringfold
