#pragma once

#include "lib/control.h"
#include "lib/transport.h"
#include "transports/peer_meetings.h"
#include "transports/peer_moves.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ringfold {

/// What this rank pulls when its own flag `ready` is set; then it sets the sender's flag `taken`.
struct ArrivingMeeting {
  uint32_t* ready = nullptr;
  uint32_t* taken = nullptr;
  std::vector<PeerCopy> copies;
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
