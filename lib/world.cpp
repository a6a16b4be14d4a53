#include "lib/world.h"

#include <algorithm>

namespace ringfold {

namespace {

int count_beside(const World& world, int end) {
  const std::string here = world.host_of(world.rank());
  int count = 0;
  for (int rank = 0; rank < end; ++rank) count += world.host_of(rank) == here ? 1 : 0;
  return count;
}

}  // namespace

void Deadlines::extend_to(const Deadlines& others) {
  progress = std::max(progress, others.progress);
  life = std::max(life, others.life);
}

int World::local_rank() const { return count_beside(*this, rank()); }

int World::local_size() const { return count_beside(*this, size()); }

}  // namespace ringfold
