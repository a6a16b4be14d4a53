#pragma once

#include "lib/control.h"
#include "transports/stream_watch.h"

#include <nccl.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ringfold {

/// One send or receive of bytes on a device.
struct NcclMessage {
  int peer = 0;
  std::byte* data = nullptr;
  int64_t bytes = 0;
};

/// One rank's end of an NCCL communicator that never blocks its host: a call that waits for peers is given up when the
/// control plane says that they are gone.
class NcclCommunicator {
 public:
  /// Collective, with the rank's device current.
  NcclCommunicator(Control& control, StreamWatch& watch);
  /// Lets go in order if let_go() was called, else gives up. NCCL holds on to a communicator that is part of a recorded
  /// graph: those must be gone, or it is left behind.
  ~NcclCommunicator();
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  /// Puts all of them on the stream, as one kernel.
  void exchange(std::span<const NcclMessage> sends, std::span<const NcclMessage> receives, cudaStream_t stream);
  /// Connects to peers before a run, so that exchange() waits for nobody. Collective among those that are named.
  void connect(std::span<const int> senders, std::span<const int> receivers, cudaStream_t stream);
  /// Throws what went wrong since, a moment after it is known: the control plane may know better whose fault it is.
  void look();
  /// Kernels that wait for peers end, without having moved what they should.
  void give_up() noexcept;
  /// The end of its use by all ranks; collective.
  void let_go() noexcept;

 private:
  using Clock = std::chrono::steady_clock;

  void wait_for_host(std::span<const Wanted> wants);
  void wait_for_device(cudaStream_t stream, std::span<const Wanted> wants);
  void check(ncclResult_t status, const char* call) const;
  void release(bool abort) noexcept;

  Control& control_;
  StreamWatch& watch_;
  int device_ = 0;
  ncclComm_t comm_ = nullptr;
  std::optional<Clock::time_point> failed_at_;
  std::shared_ptr<std::atomic<bool>> released_;  ///< set by the thread that lets NCCL go; null before
};

/// "2.28.9"; the version of the library at run time.
std::string nccl_version_text();
/// Why the library cannot be used; nothing if it can. Sees to it that NCCL uses no NVLink multicast.
std::optional<std::string> no_nccl();

}  // namespace ringfold
