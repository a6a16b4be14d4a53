// Stands in for nccl.cpp where the build has found no NCCL.
#include "lib/error.h"
#include "lib/transport.h"
#include "transports/gpu_link_rates.h"

namespace ringfold {

namespace {

std::optional<std::string> unavailable() {
  return "built without NCCL: install it (nccl.h, libnccl.so) with the CUDA toolkit and build anew";
}

std::string describe() { return {}; }

std::unique_ptr<Fabric> make(int, const TransportOptions&) { throw Error(ExitCode::unavailable, *unavailable()); }

}  // namespace

}  // namespace ringfold

RINGFOLD_TRANSPORT(nccl, "ranks are GPUs, messages go over NCCL", ringfold::unavailable, ringfold::describe,
                   ringfold::make, /*spans_processes=*/true, /*moves=*/nullptr, ringfold::kNcclBytesPerSecond,
                   ringfold::kNcclExchangeSeconds)
