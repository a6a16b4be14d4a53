#pragma once

#include "lib/control.h"
#include "lib/transport.h"
#include "lib/world.h"

#include <memory>
#include <vector>

namespace ringfold {

/// A fabric whose control plane is a world, of processes or of threads.
class WorldFabric : public Fabric {
 public:
  WorldFabric(int ranks, const TransportOptions& options);
  int ranks() const final { return ranks_; }
  bool is_local(int rank) const final { return !has_processes() || rank == options_.world->rank(); }
  std::unique_ptr<Control> make_control(int rank) final;
  int local_rank(int rank) const final { return has_processes() ? options_.world->local_rank() : rank; }

 protected:
  bool has_processes() const { return options_.world != nullptr; }
  /// How many of the ranks are on this host.
  int ranks_here() const { return has_processes() ? options_.world->local_size() : ranks_; }
  const TransportOptions& options() const { return options_; }

 private:
  int ranks_;
  TransportOptions options_;
  std::vector<std::unique_ptr<World>> worlds_;  ///< of ranks that are threads
};

}  // namespace ringfold
