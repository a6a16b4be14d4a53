#pragma once

#include "lib/control.h"
#include "lib/transport.h"
#include "transports/cuda_handles.h"
#include "transports/nccl_communicator.h"
#include "transports/stream_flags.h"
#include "transports/stream_watch.h"

#include <memory>
#include <set>
#include <vector>

namespace ringfold {

/// One rank's stream and exchanges over NCCL: one group call, one kernel, an exchange; a mark before and behind it
/// tells the host. NCCL has no tags: between two ranks messages meet in the order in which they were enqueued, which
/// the ranks agree on when programs are announced.
class NcclEngine {
 public:
  /// `default_device`: of a rank whose programs name no memory.
  NcclEngine(Control& control, std::chrono::milliseconds deadline, int default_device);
  ~NcclEngine();
  NcclEngine(const NcclEngine&) = delete;
  NcclEngine& operator=(const NcclEngine&) = delete;

  void announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory);
  void enqueue(const BoundExchange& exchange, Fence* after, StreamFence& done);
  void wait(cudaEvent_t event);
  void watch(Fence& end);
  void synchronize();
  void cancel() noexcept;

 private:
  struct Group {
    std::vector<NcclMessage> sends;
    std::vector<NcclMessage> receives;
  };

  void start(const AnnouncedMemory& memory);
  void connect(const std::vector<NcclMessage>& sends, const std::vector<NcclMessage>& receives);

  Control& control_;
  StreamWatch watch_;
  int device_;
  bool closed_ = false;
  bool pending_ = false;  ///< enqueued and not seen to have ended
  std::unique_ptr<CudaStream> stream_;
  std::unique_ptr<DeviceEvent> last_;
  std::unique_ptr<NcclCommunicator> communicator_;
  std::set<int> receivers_;  ///< connected
  std::set<int> senders_;
  std::vector<Group> groups_;  ///< by number - 1
  StreamFlags flags_;
};

}  // namespace ringfold
