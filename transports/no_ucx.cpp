// Stands in for ucx.cpp where the build has found no UCX.
#include "lib/error.h"
#include "lib/transport.h"

namespace ringfold {

namespace {

std::optional<std::string> unavailable() {
  return "built without UCX: install libucx-dev, or the wheel libucx-cu13, and build anew";
}

std::string describe() { return {}; }

std::unique_ptr<Fabric> make(int, const TransportOptions&) { throw Error(ExitCode::unavailable, *unavailable()); }

}  // namespace

}  // namespace ringfold

RINGFOLD_TRANSPORT(ucx, "ranks are threads or processes, messages go over UCX", ringfold::unavailable,
                   ringfold::describe, ringfold::make, /*spans_processes=*/true)
