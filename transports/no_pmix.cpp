// Built without PMIx: a process that a launcher has started cannot find the others.
#include "lib/error.h"
#include "transports/launch.h"

namespace ringfold {

std::unique_ptr<Launch> find_launch() {
  RINGFOLD_CHECK(!launched_rank(), ExitCode::unavailable,
                 "started by a launcher, but built without PMIx: install libpmix-dev and build again");
  refuse_other_launchers("this program is built without PMIx (install libpmix-dev and build again)");
  return nullptr;
}

std::string describe_launch() { return "built without PMIx: install libpmix-dev and build again"; }

}  // namespace ringfold
