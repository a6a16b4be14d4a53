#pragma once

#include "lib/control.h"
#include "lib/transport.h"
#include "transports/abort_guard.h"
#include "transports/rank_lock.h"
#include "transports/ucx_helper.h"
#include "transports/ucx_peers.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ringfold {

/// One rank's UCX worker and the exchanges on it, one at a time, in program order.
///
/// The worker is guarded by one lock, which the rank's thread keeps while nothing is in flight: the helper has nothing
/// to do then. The rank's thread makes progress itself while it waits: it spins for a moment, then sleeps on the
/// worker's descriptor; the helper does so while the rank computes. Whoever makes progress starts the next exchange.
/// Nothing is allocated once the vectors have grown.
class UcxEngine {
 public:
  using Clock = std::chrono::steady_clock;

  /// Collective: all ranks of the control's session make theirs.
  UcxEngine(std::shared_ptr<UcxContext> context, Control& control, std::chrono::milliseconds deadline);
  ~UcxEngine();
  UcxEngine(const UcxEngine&) = delete;
  UcxEngine& operator=(const UcxEngine&) = delete;

  /// Of all ranks: takes in the memory of these exchanges, connects this rank to all their peers, and returns once it
  /// has heard from each.
  void announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory);
  void enqueue(const BoundExchange& exchange, std::atomic<bool>& done);
  void wait(const std::atomic<bool>& done);
  void synchronize();
  void cancel() noexcept { give_up(false); }
  const UcxContext& context() const { return *context_; }
  std::string transports_to(int peer);

 private:
  struct Enqueued {
    const BoundExchange* exchange = nullptr;
    std::atomic<bool>* done = nullptr;
  };
  /// One transfer of the exchange in flight.
  struct Slot {
    UcxEngine* engine = nullptr;
    const Transfer* transfer = nullptr;
    bool sends = false;
    bool in_library = false;  ///< UCX may touch its memory
    bool ended = false;
  };
  struct WorkerDeleter {
    void operator()(ucp_worker_h worker) const { ucp_worker_destroy(worker); }
  };
  /// Announced memory that UCX has a handle to.
  struct TakenIn {
    const std::byte* begin = nullptr;
    const std::byte* end = nullptr;
    ucp_mem_h handle = nullptr;
  };
  class Driving;
  class Patience;
  struct Abandoned;

  /// The rank's thread has the worker. What is in flight at the end is left to the helper.
  class Holding {
   public:
    explicit Holding(UcxEngine& engine) : engine_(engine) { engine_.take(); }
    ~Holding() { engine_.give(); }
    Holding(const Holding&) = delete;
    Holding& operator=(const Holding&) = delete;

   private:
    UcxEngine& engine_;
  };

  void set_parameters();
  void name_memory(ucp_request_param_t& parameters, const Transfer& transfer) const;
  void connect(std::span<const BoundExchange* const> exchanges);
  void take();
  void give();
  void check(const BoundExchange& exchange) const;
  void refuse(const BoundExchange& exchange) const;
  uint64_t tag_of(int sender, uint64_t tag) const { return static_cast<uint64_t>(sender) << tag_bits_ | tag; }
  bool working() const { return current_.exchange != nullptr; }
  std::byte* request_of(size_t index) { return requests_.data() + (index + 1) * request_stride_; }
  bool progress();
  template <typename Call>
  void call_library(Call&& call);
  void advance();
  void start(Enqueued next);
  void receive_all(const std::vector<Transfer>& transfers);
  void send_all(const std::vector<Transfer>& transfers, size_t first);
  void end(Slot& slot, ucs_status_t status, size_t bytes);
  void note_failure(const Slot& slot, ucs_status_t status, size_t bytes);
  void throw_if_over();
  template <typename Done>
  void drive_until(Done&& ended);
  void rest() const;
  void sleep(std::chrono::milliseconds at_most);
  UcxHelper::Found look();
  UcxHelper::Found look_inside();
  void look_at_peers();
  std::vector<Wanted> wanted() const;
  std::string pending() const;
  bool close_in_order() noexcept;
  void give_up(bool in_order) noexcept;
  bool let_go();
  void abandon();

  std::shared_ptr<UcxContext> context_;
  Control& control_;
  int rank_;
  int tag_bits_;
  std::chrono::milliseconds deadline_;

  RankLock lock_;
  bool is_held_ = false;  ///< by the rank's thread, whose alone this is
  std::unique_ptr<ucp_worker, WorkerDeleter> worker_;
  int descriptor_ = -1;
  std::unique_ptr<UcxPeers> peers_;
  BoundExchange greeting_;  ///< of connect()
  std::atomic<bool> greeted_{true};
  std::vector<Enqueued> queue_;  ///< entries from `next_` on have not been started
  size_t next_ = 0;
  Enqueued current_;
  std::vector<Slot> slots_;          ///< receives first
  std::vector<std::byte> requests_;  ///< memory of UCX's requests, one a slot
  std::vector<TakenIn> taken_in_;
  ucp_request_param_t send_parameters_{};
  ucp_request_param_t receive_parameters_{};
  size_t request_stride_ = 0;
  int64_t unfinished_ = 0;  ///< transfers of `current_` that have not ended well
  int64_t in_library_ = 0;
  bool are_small_ = false;  ///< the messages of `current_`
  bool closed_ = false;
  bool may_abort_ = false;  ///< the library, if a peer is lost
  bool is_broken_ = false;  ///< the library has: the worker must not be touched any more
  int busy_ = 0;            ///< sleeps in a row that the library refused
  std::optional<Error> failure_;
  std::optional<Clock::time_point> failed_at_;  ///< set if the control plane may know better what happened

  std::atomic<int64_t> outstanding_{0};  ///< exchanges enqueued and not ended; written under the lock
  std::atomic<bool> driving_{false};     ///< the rank's own thread makes progress; a hint to give way, outside the lock
  std::unique_ptr<UcxHelper> helper_;
};

/// UCX (1.13, and the code has not changed since) may, over TCP, find an assertion of its own broken when a peer dies.
template <typename Call>
void UcxEngine::call_library(Call&& call) {
  if (!may_abort_) {
    call();
  } else if (!is_broken_ && !AbortGuard::outlives(call)) {
    is_broken_ = true;
    if (failure_) return;
    failed_at_ = Clock::now();  // the control plane may say whose loss that was
    failure_ = Error(ExitCode::peer_lost,
                     fmt::format("rank {}: UCX failed and gave up, as it may when a peer is lost{}", rank_, pending()));
  }
}

}  // namespace ringfold
