// Who is on which host.
#include "lib/world.h"

#include "tests/catch.h"
#include "tests/transports/worlds.h"
#include "transports/hub.h"
#include "transports/hub_client.h"
#include "transports/rendezvous.h"

namespace ringfold {
namespace {

TEST_CASE("a name says on which host a rank is") {
  CHECK(host_in_name("rank 2 (host node7, pid 4711)") == "node7");
  CHECK(host_in_name(name_of_process(3)) != "");
  CHECK(host_in_name("rank 2").empty());
  CHECK(host_in_name("").empty());
}

TEST_CASE("ranks are counted on their host") {
  const std::vector<std::string> names = {"rank 0 (host a, pid 1)", "rank 1 (host b, pid 1)", "rank 2 (host a, pid 2)",
                                          "rank 3 (host b, pid 2)", "rank 4 (host a, pid 3)"};
  std::vector<FrameSocket> at_hub;
  std::vector<FrameSocket> at_ranks;
  for (size_t rank = 0; rank < names.size(); ++rank) {
    auto [hub_end, rank_end] = socket_pair();
    at_hub.push_back(std::move(hub_end));
    at_ranks.push_back(std::move(rank_end));
  }
  const auto hub = std::make_shared<Hub>(std::move(at_hub), names);
  std::vector<int> numbers;
  std::vector<int> sizes;
  std::vector<std::unique_ptr<World>> worlds;
  for (size_t rank = 0; rank < names.size(); ++rank) {
    worlds.push_back(make_hub_client(static_cast<int>(rank), names, std::move(at_ranks[rank]), hub));
    numbers.push_back(worlds.back()->local_rank());
    sizes.push_back(worlds.back()->local_size());
  }
  CHECK(numbers == std::vector<int>{0, 0, 1, 1, 2});
  CHECK(sizes == std::vector<int>{3, 2, 3, 2, 3});
  CHECK(worlds[3]->host_of(0) == "a");
}

TEST_CASE("ranks that are threads are on one host") {
  in_local_worlds(3, [](World& world) {
    if (world.local_rank() != world.rank() || world.local_size() != 3) throw std::runtime_error("another host");
  });
}

}  // namespace
}  // namespace ringfold
