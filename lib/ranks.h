#pragma once

#include "lib/control.h"
#include "lib/transport.h"

#include <functional>

namespace ringfold {

/// What one rank's thread is given.
struct RankContext {
  int rank = 0;
  int size = 1;
  Control& control;
  Transport& transport;
  int local_rank = 0;  ///< among the ranks on this host
};

/// Runs `body` once a local rank of the fabric, each in a thread of its own, and waits for all of them. If a rank
/// throws, the others are freed; then the group's first error is thrown here. A fabric that has seen an error is spent.
/// Whatever `body` makes (executor, kernel) is gone before its rank leaves.
/// `free_others`: called by each rank that throws, to free ranks that wait in neither control nor transport. By then
/// its error is kept and the group knows of it, so that none that is freed can pass for the first.
void run_ranks(Fabric& fabric, const std::function<void(RankContext&)>& body,
               const std::function<void()>& free_others = {});

}  // namespace ringfold
