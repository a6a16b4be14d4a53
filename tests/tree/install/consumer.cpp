// A program of somebody else's: built from what `ninja install` put somewhere, by what pkg-config says.
#include "lib/check.h"
#include "lib/kernel.h"
#include "lib/problem.h"
#include "lib/strategy.h"
#include "lib/transport.h"

#include <cstdio>

int main() {
  ringfold::Problem problem;
  problem.sequences = {{.query = 10, .cached = 0}};
  const ringfold::Group group{.ranks = 2, .query_heads = {0, 1}};
  const ringfold::StrategyInfo* ring = ringfold::find_strategy("naive_ring");
  if (ring == nullptr || ringfold::find_transport("in_process") == nullptr) return 1;
  if (ringfold::find_kernel("cpu_reference") == nullptr) return 1;
  const auto programs = ring->make({})->plan(problem, group);
  std::printf("%zu programs\n", programs.size());
  return programs.size() == 2 ? 0 : 1;
}
