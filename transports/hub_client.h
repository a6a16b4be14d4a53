#pragma once

#include "lib/world.h"
#include "transports/hub.h"

#include <memory>
#include <string>
#include <vector>

namespace ringfold {

/// A rank's world over its connection to the hub. `keep`, such as the hub, lives until no world holds it. A string
/// given to a collective is at most 64 MiB long.
std::unique_ptr<World> make_hub_client(int rank, std::vector<std::string> names, FrameSocket to_hub,
                                       std::shared_ptr<void> keep = nullptr);

}  // namespace ringfold
