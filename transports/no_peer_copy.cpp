// Stands in for peer_copy.cpp where the build has found no CUDA.
#include "lib/error.h"
#include "lib/transport.h"
#include "transports/gpu_link_rates.h"

namespace ringfold {

namespace {

std::optional<std::string> unavailable() {
  return "built without CUDA, which peer_copy needs: install the CUDA toolkit and build anew";
}

std::string describe() { return {}; }

std::unique_ptr<Fabric> make(int, const TransportOptions&) { throw Error(ExitCode::unavailable, *unavailable()); }

}  // namespace

}  // namespace ringfold

RINGFOLD_TRANSPORT(peer_copy, "ranks are GPUs of one host, copy engines move memory", ringfold::unavailable,
                   ringfold::describe, ringfold::make, /*spans_processes=*/true, /*moves=*/nullptr,
                   ringfold::kPeerCopyBytesPerSecond, ringfold::kPeerCopyExchangeSeconds)
