#pragma once

#include "lib/control.h"
#include "lib/transport.h"
#include "transports/cuda_handles.h"
#include "transports/peer_memory.h"
#include "transports/peer_routes.h"
#include "transports/small_exchanges.h"
#include "transports/stream_flags.h"
#include "transports/stream_watch.h"

#include <map>
#include <memory>
#include <vector>

namespace ringfold {

/// One rank's streams and exchanges of peer_copy.
///
/// A sender whose data are there sets a flag in the receiver's memory; the receiver waits for it, clears it, pulls with
/// the copy engines, and sets a flag in the sender's memory, which the sender waits for and clears. Flags are 1 or 0,
/// so that a recorded graph, in which all values are constants, can run again and again. Each flag is cleared before
/// its other side is told, so it is clear when it is set anew. An exchange first says of all it sends that it is ready,
/// and pulls from each peer on a stream of its own: no transfer of it waits for another. A small one is a single kernel
/// that does the same.
class PeerEngine {
 public:
  /// `default_device`: of a rank whose programs name no memory.
  PeerEngine(Control& control, std::chrono::milliseconds deadline, int default_device, bool for_processes,
             std::shared_ptr<KeptMemory> kept);
  ~PeerEngine();
  PeerEngine(const PeerEngine&) = delete;
  PeerEngine& operator=(const PeerEngine&) = delete;

  void announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory);
  void enqueue(const BoundExchange& exchange, Fence* after, StreamFence& done);
  void wait(cudaEvent_t event);
  void watch(Fence& end);
  void rehearse(const std::function<void()>& start, Fence& end);
  void synchronize();
  void cancel() noexcept;

 private:
  /// Pulls from one peer beside what the main stream does.
  struct Lane {
    CudaStream stream;
    DeviceEvent joined;
  };

  void start_device(const AnnouncedMemory& memory);
  void put_on_streams(const PeerRoute& route);
  void pull(const PeerLane& lane, cudaStream_t stream);
  void pull_beside(const PeerLane& lane);
  cudaError_t fill_flags(int byte);
  bool is_drained() const;

  Control& control_;
  bool for_processes_;
  std::shared_ptr<KeptMemory> kept_;
  StreamWatch watch_;
  int device_;
  bool has_device_ = false;
  bool closed_ = false;
  bool pending_ = false;  ///< enqueued and not seen to have ended
  std::vector<PeerRoutes> programs_;
  std::vector<const PeerRoute*> routes_;  ///< by number - 1
  std::vector<std::unique_ptr<SmallExchanges>> small_programs_;
  std::vector<const SmallExchange*> small_;  ///< by number - 1; null for those that are not
  StreamFlags flags_;
  std::unique_ptr<CudaStream> main_;
  std::unique_ptr<CudaStream> rescue_;  ///< sets flags that others wait for in vain
  std::unique_ptr<DeviceEvent> forked_;
  std::unique_ptr<DeviceEvent> last_;
  std::map<int, std::unique_ptr<Lane>> lanes_;  ///< by peer
};

}  // namespace ringfold
