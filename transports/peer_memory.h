#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ringfold {

/// What lets other ranks into a rank's device memory: a pointer for threads of one process, a handle of CUDA IPC for
/// other processes. "" for no memory. Throws Error(unavailable) where others cannot be let in.
std::string ticket_to(const std::byte* memory, bool for_processes);

/// The memory of a ticket, as the current device reaches it; let go of with the last handle. Null for no memory.
/// `owner` and `reader` name the GPUs in errors.
std::shared_ptr<std::byte> enter(const std::string& ticket, const std::string& owner, const std::string& reader);

/// Lets the current device into all memory of another one of this process. Throws Error(unavailable) that names both.
void enable_peer_access(int peer_device);

/// Memory that ranks which are threads let each other into: lives until no rank can read it any more, since what a rank
/// has put on its streams before it heard of an error still runs.
class KeptMemory {
 public:
  void keep(std::shared_ptr<std::byte> memory) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(memory));
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<std::byte>> all_;
};

}  // namespace ringfold
