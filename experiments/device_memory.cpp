#include "experiments/device_memory.h"

#include "experiments/text.h"
#include "lib/prepare.h"

#include <algorithm>

namespace ringfold {

int64_t device_bytes(const Kernel& kernel, const Schedule& schedule) {
  int64_t most = 0;
  for (const Program& program : schedule.ranks) {
    most = std::max(most, program.arena_bytes + scratch_bytes(kernel, schedule.problem, program));
  }
  return most;
}

std::string missing_devices(const KernelInfo& info, int ranks_here, int64_t bytes) {
  if (info.devices == nullptr) return "";
  const int devices = info.devices();
  if (ranks_here > devices) {
    return fmt::format("{} ranks on this host need a GPU each, it has {}", ranks_here, devices);
  }
  for (int device = 0; device < ranks_here && info.free_bytes != nullptr; ++device) {
    const std::optional<int64_t> free = info.free_bytes(device);
    if (free && bytes > *free) {
      return fmt::format("a rank needs {} of memory, GPU {} has {} free", bytes_text(bytes), device, bytes_text(*free));
    }
  }
  return "";
}

}  // namespace ringfold
