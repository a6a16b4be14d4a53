#pragma once

#include <cstddef>
#include <cstdint>

namespace ringfold {

// What the host and nvcc both know of an exchange of peer_copy.

struct PeerCopy {
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  int64_t bytes = 0;
};

/// When its data are there a rank sets the receiver's flag `ready`, and waits for its own flag `taken`.
struct DepartingMeeting {
  uint32_t* ready = nullptr;
  uint32_t* taken = nullptr;
};

}  // namespace ringfold
