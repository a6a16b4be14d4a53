#pragma once

#include "lib/control.h"
#include "lib/transport.h"
#include "transports/peer_meetings.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace ringfold {

struct PeerCopy {
  const std::byte* from = nullptr;
  std::byte* to = nullptr;
  size_t bytes = 0;
};

/// What this rank pulls when its own flag `ready` is set; then it sets the sender's flag `taken`.
struct ArrivingMeeting {
  std::byte* ready = nullptr;
  std::byte* taken = nullptr;
  std::vector<PeerCopy> copies;
};

/// When its data are there this rank sets the receiver's flag `ready`, and waits for its own flag `taken`.
struct DepartingMeeting {
  std::byte* ready = nullptr;
  std::byte* taken = nullptr;
};

struct PeerLane {
  int peer = 0;
  std::vector<ArrivingMeeting> meetings;
};

/// An exchange with the addresses that this rank's device knows.
struct PeerRoute {
  std::vector<PeerCopy> own;
  std::vector<PeerLane> lanes;  ///< one a peer: none waits for another
  std::vector<DepartingMeeting> departing;
};

struct PeerRoutes {
  std::vector<PeerRoute> exchanges;
  std::shared_ptr<std::byte> flags;  ///< this rank's
  int64_t flag_words = 0;
  std::vector<std::shared_ptr<std::byte>> entered;  ///< others' memory
};

/// Collective: ranks tell each other where their memory and flags lie, and enter each other's. `device` is current.
/// Throws Error(unavailable) naming both GPUs where one cannot be let into the other's memory, or where ranks that
/// exchange are on different hosts; Error(internal) where sends and receives do not match.
PeerRoutes find_routes(Control& control, std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory,
                       int device, bool for_processes);

}  // namespace ringfold
