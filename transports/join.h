#pragma once

#include "lib/error.h"
#include "lib/world.h"
#include "transports/launch.h"

#include <chrono>
#include <memory>
#include <string>

namespace ringfold {

struct JoinOptions {
  /// For all ranks to come.
  std::chrono::milliseconds deadline{10000};
};

/// The world of the processes that a launcher has started, this one among them; null if none has. From here on this
/// process dies with the launcher. Throws Error(deadline | peer_lost) naming the ranks that do not come, Error(usage)
/// if they stay away, or Error(unavailable) where ranks cannot find or reach each other; a SharedError on others than
/// rank 0 for what rank 0 alone is to report.
std::unique_ptr<World> join_world(const JoinOptions& options = {});
/// Instead of join_world(): tells the processes that wait for this one why it will not come. `code`: of the error that
/// it ends with. Does nothing where there is no launcher, or none that listens.
void stay_away(const std::string& why, ExitCode code = ExitCode::ok) noexcept;
/// The same as join_world() for a launch that has been found.
std::unique_ptr<World> join_world(std::unique_ptr<Launch> launch, const JoinOptions& options);

}  // namespace ringfold
