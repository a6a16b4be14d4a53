// The end of a session: in order, or after a failure.
#include "transports/ucx_engine.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

namespace ringfold {

namespace {

/// How long a rank that leaves waits for what it has sent to be on its way, and one that gives up for UCX to let go.
constexpr std::chrono::milliseconds kFarewell{2000};
constexpr std::chrono::milliseconds kLettingGo{200};

}  // namespace

/// True if all that this rank has sent is on its way and its connections are closed.
bool UcxEngine::close_in_order() noexcept {
  try {
    helper_.reset();
    const Holding holding(*this);
    if (closed_ || failure_ || outstanding_ > 0) return false;
    const auto end = Clock::now() + std::min(deadline_, kFarewell);
    for (int i = 0; peers_->closing(false); ++i) {
      if (Clock::now() > end) return false;
      if (!progress()) std::this_thread::yield();
      if (failure_) return false;
      if (i % 1024 == 0) control_.check();
    }
    return true;
  } catch (const std::exception&) {  // others have failed: nobody waits for what this rank has sent
    return false;
  }
}

void UcxEngine::give_up(bool in_order) noexcept {
  helper_.reset();
  const Holding holding(*this);
  if (closed_) return;
  closed_ = true;
  queue_.clear();
  next_ = 0;
  if (in_order || (!is_broken_ && let_go())) {
    peers_.reset();
    worker_.reset();
  } else {
    abandon();
  }
  slots_.clear();
}

/// Gets back what the library holds; false if it still holds some. What ranks that share memory still have to fetch
/// from here may end with the worker: nobody but the worker touches this rank's memory for it. What this rank fetches
/// must have ended: UCX aborts the program if a worker goes with a copy half done.
bool UcxEngine::let_go() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].in_library) call_library([&] { ucp_request_cancel(worker_.get(), request_of(i)); });
  }
  const auto end = Clock::now() + kLettingGo;
  const auto progress_until_end = [&] {
    unsigned events = 0;
    call_library([&] { events = ucp_worker_progress(worker_.get()); });
    if (events == 0) std::this_thread::yield();
    return !is_broken_ && Clock::now() < end;
  };
  const auto fetches = [&] {
    return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.sends && slot.in_library; });
  };
  while (fetches() && progress_until_end()) {
  }
  if (peers_->all_share_memory()) return !fetches();
  while (in_library_ > 0 && progress_until_end()) {
  }
  if (is_broken_ || !peers_->can_be_cut()) return false;
  while (peers_->closing(true) && progress_until_end()) {
  }
  return !is_broken_;
}

/// What is left of a session that failed over TCP, where UCX 1.13 aborts the program for closing a connection at the
/// wrong moment. Nothing moves where nobody makes progress.
struct UcxEngine::Abandoned {
  std::shared_ptr<UcxContext> context;
  std::unique_ptr<UcxPeers> peers;
  ucp_worker_h worker;
  std::vector<Slot> slots;
  std::vector<std::byte> requests;
};

void UcxEngine::abandon() {
  static std::mutex mutex;
  static auto* all = new std::vector<Abandoned>;  // outlives everything
  const std::lock_guard lock(mutex);
  all->push_back({context_, std::move(peers_), worker_.release(), std::move(slots_), std::move(requests_)});
}

}  // namespace ringfold
