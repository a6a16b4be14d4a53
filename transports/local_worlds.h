#pragma once

#include "lib/world.h"

#include <memory>
#include <vector>

namespace ringfold {

/// The worlds of ranks that are threads of this process: the control plane of processes, over pairs of sockets.
/// Throws Error(unavailable) where there are no descriptors or threads left.
std::vector<std::unique_ptr<World>> make_local_worlds(int ranks);

}  // namespace ringfold
