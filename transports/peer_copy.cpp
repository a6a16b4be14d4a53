// peer_copy: ranks are threads or processes of one host, each with a GPU; exchanges are pulls by the copy engines of
// whoever receives, over peer-mapped memory; small ones are a kernel that pulls by itself. See peer_engine.h.
#include "lib/error.h"
#include "lib/transport.h"
#include "transports/cuda_driver.h"
#include "transports/gpu_link_rates.h"
#include "transports/gpus.h"
#include "transports/peer_engine.h"
#include "transports/world_fabric.h"

namespace ringfold {

namespace {

class PeerCopyTransport final : public Transport {
 public:
  PeerCopyTransport(Control& control, std::chrono::milliseconds deadline, int device, bool for_processes,
                    std::shared_ptr<KeptMemory> kept)
      : engine_(control, deadline, device, for_processes, std::move(kept)) {}

  std::unique_ptr<Fence> make_fence() override {
    return std::make_unique<StreamFence>([this](cudaEvent_t event) { engine_.wait(event); });
  }
  void announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory) override {
    engine_.announce(exchanges, memory);
  }
  bool is_stream_ordered() const override { return true; }
  void watch(Fence& end) override { engine_.watch(end); }
  void rehearse(const std::function<void()>& start, Fence& end) override { engine_.rehearse(start, end); }
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
    engine_.enqueue(exchange, after, static_cast<StreamFence&>(done));
  }
  void synchronize() override { engine_.synchronize(); }
  void cancel() noexcept override { engine_.cancel(); }
  bool moves(MemoryKind kind) const override { return kind == MemoryKind::cuda; }

 private:
  PeerEngine engine_;
};

class PeerCopyFabric final : public WorldFabric {
 public:
  PeerCopyFabric(int ranks, const TransportOptions& options) : WorldFabric(ranks, options) {
    RINGFOLD_CHECK(ranks_here() == ranks, ExitCode::unavailable,
                   "peer_copy works inside one host, but {} of {} ranks are on others", ranks - ranks_here(), ranks);
    check_gpus_for(ranks);
    (void)cuda_driver();
  }
  std::unique_ptr<Transport> make_transport(int rank, Control& control) override {
    return std::make_unique<PeerCopyTransport>(control, options().deadline, local_rank(rank), has_processes(), kept_);
  }

 private:
  std::shared_ptr<KeptMemory> kept_ = std::make_shared<KeptMemory>();
};

std::optional<std::string> unavailable() {
  if (auto none = no_gpu()) return "peer_copy: " + *none;
  try {
    (void)cuda_driver();
    return std::nullopt;
  } catch (const Error& error) {
    return std::string("peer_copy: ") + error.what();
  }
}

std::string describe() { return fmt::format("{}; {}", describe_gpus(), describe_peer_access()); }

std::unique_ptr<Fabric> make(int ranks, const TransportOptions& options) {
  return std::make_unique<PeerCopyFabric>(ranks, options);
}

bool moves(MemoryKind kind) { return kind == MemoryKind::cuda; }

}  // namespace

}  // namespace ringfold

RINGFOLD_TRANSPORT(peer_copy, "ranks are GPUs of one host, copy engines move memory", ringfold::unavailable,
                   ringfold::describe, ringfold::make, /*spans_processes=*/true, ringfold::moves,
                   ringfold::kPeerCopyBytesPerSecond, ringfold::kPeerCopyExchangeSeconds)
