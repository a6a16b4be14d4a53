#include "transports/local_worlds.h"

#include "lib/error.h"
#include "transports/hub_client.h"

#include <utility>

namespace ringfold {

std::vector<std::unique_ptr<World>> make_local_worlds(int ranks) {
  std::vector<FrameSocket> at_hub;
  std::vector<FrameSocket> at_ranks;
  std::vector<std::string> names;
  for (int rank = 0; rank < ranks; ++rank) {
    auto [hub_end, rank_end] = socket_pair();
    at_hub.push_back(std::move(hub_end));
    at_ranks.push_back(std::move(rank_end));
    names.push_back(fmt::format("rank {}", rank));
  }
  const auto hub = std::make_shared<Hub>(std::move(at_hub), names);
  std::vector<std::unique_ptr<World>> worlds;
  for (int rank = 0; rank < ranks; ++rank) {
    worlds.push_back(make_hub_client(rank, names, std::move(at_ranks[static_cast<size_t>(rank)]), hub));
  }
  return worlds;
}

}  // namespace ringfold
