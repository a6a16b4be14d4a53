#pragma once

#include "lib/control.h"
#include "lib/transport.h"
#include "transports/ucx_helper.h"
#include "transports/ucx_peers.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace ringfold {

/// One rank's UCX worker and the exchanges on it, one at a time, in program order.
///
/// The worker is guarded by one mutex. The rank's thread makes progress itself while it waits: it spins for a moment,
/// then sleeps on the worker's descriptor; a helper does so while the rank computes. Whoever makes progress starts
/// the next exchange. Nothing is allocated once the vectors have grown.
class UcxEngine {
 public:
  using Clock = std::chrono::steady_clock;

  /// Collective: all ranks of the control's session make theirs.
  UcxEngine(std::shared_ptr<UcxContext> context, Control& control, std::chrono::milliseconds deadline);
  ~UcxEngine();
  UcxEngine(const UcxEngine&) = delete;
  UcxEngine& operator=(const UcxEngine&) = delete;

  void enqueue(const BoundExchange& exchange, std::atomic<bool>& done);
  void wait(const std::atomic<bool>& done);
  void synchronize();
  void cancel() noexcept { give_up(false); }
  const UcxContext& context() const { return *context_; }
  std::string transports_to(int peer);

 private:
  using Lock = std::unique_lock<std::mutex>;
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
  class Patience;
  class Driving;
  struct Abandoned;

  void check(const BoundExchange& exchange) const;
  uint64_t tag_of(int sender, uint64_t tag) const { return static_cast<uint64_t>(sender) << tag_bits_ | tag; }
  bool working() const { return current_.exchange != nullptr; }
  std::byte* request_of(size_t index) { return requests_.data() + (index + 1) * request_stride_; }
  bool progress();
  void advance();
  void start();
  void post(size_t index);
  void end(Slot& slot, ucs_status_t status, size_t bytes);
  void note_failure(const Slot& slot, ucs_status_t status, size_t bytes);
  void throw_if_over();
  template <typename Done>
  void drive_until(Done&& ended);
  void sleep(Lock& lock, std::chrono::milliseconds at_most);
  UcxHelper::Found look();
  void look_at_peers();
  std::vector<Wanted> wanted() const;
  bool close_in_order() noexcept;
  void give_up(bool in_order) noexcept;
  bool let_go();
  void abandon();

  std::shared_ptr<UcxContext> context_;
  Control& control_;
  int rank_;
  int tag_bits_;
  std::chrono::milliseconds deadline_;

  std::mutex mutex_;
  std::unique_ptr<ucp_worker, WorkerDeleter> worker_;
  int descriptor_ = -1;
  std::unique_ptr<UcxPeers> peers_;
  std::vector<Enqueued> queue_;  ///< entries from `next_` on have not been started
  size_t next_ = 0;
  Enqueued current_;
  std::vector<Slot> slots_;          ///< receives first
  std::vector<std::byte> requests_;  ///< memory of UCX's requests, one a slot
  size_t request_stride_ = 0;
  int64_t unfinished_ = 0;  ///< transfers of `current_` that have not ended well
  int64_t in_library_ = 0;
  bool closed_ = false;
  int busy_ = 0;  ///< sleeps in a row that the library refused
  std::optional<Error> failure_;
  std::optional<Clock::time_point> failed_at_;  ///< set if the control plane may know better what happened

  std::atomic<int64_t> outstanding_{0};  ///< exchanges enqueued and not ended; written under the mutex
  std::atomic<bool> driving_{false};  ///< the rank's own thread makes progress; a hint to give way, outside the mutex
  std::unique_ptr<UcxHelper> helper_;
};

}  // namespace ringfold
