#pragma once

#include "transports/frames.h"
#include "transports/join.h"

#include <chrono>
#include <string>
#include <vector>

namespace ringfold {

/// What rank 0 publishes, and under which key.
inline constexpr const char* kMeetpointKey = "hub";
struct Meetpoint {
  std::string secret;
  int port = 0;
  std::string host;
  std::string name;  ///< of rank 0
  std::vector<std::string> addresses;
};

std::string as_text(const Meetpoint& point);
/// Throws Error(internal) for what as_text() has not made.
Meetpoint as_meetpoint(const std::string& text);

/// "rank 2 (host node7, pid 4711)"
std::string name_of_process(int rank);
/// "node7"; "" for a name without a host.
std::string host_in_name(const std::string& name);

/// What comes of a rendezvous: this rank's connection to the hub, and on rank 0 the hub's to all.
struct Joined {
  std::vector<std::string> names;
  FrameSocket to_hub{Socket()};
  std::vector<FrameSocket> at_hub;
};

/// Rank 0's part: listens, publishes where, and waits for all.
Joined host_ranks(Launch& launch, std::chrono::milliseconds deadline);
/// The others' part: connect, say who they are, and wait for the rest.
Joined visit_host(Launch& launch, std::chrono::milliseconds deadline);

}  // namespace ringfold
