#pragma once

#include "lib/kernel.h"
#include "lib/ranks.h"

#include <optional>

namespace ringfold {

/// The rate at which the transport moves large messages from rank 0 to rank 1 while the others stand still, in 10^9
/// bytes a second: the best of a few rounds, some 50 ms in all. Memory is what the kernel attends in. Collective, needs
/// two ranks; only rank 0 gets a rate, and none if the ranks cannot have the memory.
std::optional<double> measure_link_gbps(RankContext& context, Kernel& kernel);

}  // namespace ringfold
