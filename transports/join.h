#pragma once

#include "lib/world.h"
#include "transports/launch.h"

#include <chrono>
#include <memory>

namespace ringfold {

struct JoinOptions {
  /// For all ranks to come.
  std::chrono::milliseconds deadline{10000};
};

/// The world of the processes that a launcher has started, this one among them; null if none has. From here on this
/// process dies with the launcher. Throws Error(deadline | peer_lost) naming the ranks that do not come, or
/// Error(unavailable) where ranks cannot find or reach each other.
std::unique_ptr<World> join_world(const JoinOptions& options = {});
/// The same for a launch that has been found.
std::unique_ptr<World> join_world(std::unique_ptr<Launch> launch, const JoinOptions& options);

}  // namespace ringfold
