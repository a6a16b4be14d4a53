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
};

/// Runs `body` once a rank of the fabric, each in a thread of its own, and waits for all of them. If a rank throws, the
/// others are freed; then the group's first error is thrown here. A fabric that has seen an error is spent.
/// Whatever `body` makes (executor, kernel) is gone before its rank leaves.
void run_ranks(Fabric& fabric, const std::function<void(RankContext&)>& body);

}  // namespace ringfold
