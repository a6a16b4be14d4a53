#include "transports/world_fabric.h"

#include "lib/error.h"
#include "transports/local_worlds.h"

namespace ringfold {

WorldFabric::WorldFabric(int ranks, const TransportOptions& options) : ranks_(ranks), options_(options) {
  if (options.world == nullptr) {
    worlds_ = make_local_worlds(ranks);
  } else {
    RINGFOLD_INVARIANT(options.world->size() == ranks, "{} ranks in a world of {}", ranks, options.world->size());
  }
}

std::unique_ptr<Control> WorldFabric::make_control(int rank) {
  World& world = has_processes() ? *options_.world : *worlds_[static_cast<size_t>(rank)];
  return world.open(options_.deadline);
}

}  // namespace ringfold
