// nccl: ranks are threads or processes, each with a GPU, on one host or many; exchanges are NCCL's grouped sends and
// receives on a stream of their own. See nccl_engine.h.
#include "lib/error.h"
#include "lib/transport.h"
#include "transports/gpu_link_rates.h"
#include "transports/gpus.h"
#include "transports/nccl_engine.h"
#include "transports/world_fabric.h"

namespace ringfold {

namespace {

class NcclTransport final : public Transport {
 public:
  NcclTransport(Control& control, std::chrono::milliseconds deadline, int device)
      : engine_(control, deadline, device) {}

  std::unique_ptr<Fence> make_fence() override {
    return std::make_unique<StreamFence>([this](cudaEvent_t event) { engine_.wait(event); });
  }
  void announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory) override {
    engine_.announce(exchanges, memory);
  }
  bool is_stream_ordered() const override { return true; }
  void watch(Fence& end) override { engine_.watch(end); }
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
    engine_.enqueue(exchange, after, static_cast<StreamFence&>(done));
  }
  void synchronize() override { engine_.synchronize(); }
  void cancel() noexcept override { engine_.cancel(); }
  bool moves(MemoryKind kind) const override { return kind == MemoryKind::cuda; }

 private:
  NcclEngine engine_;
};

std::optional<std::string> unavailable() {
  if (auto none = no_nccl()) return none;
  if (auto none = no_gpu()) return fmt::format("NCCL {} (transport nccl): {}", nccl_version_text(), *none);
  return std::nullopt;
}

class NcclFabric final : public WorldFabric {
 public:
  NcclFabric(int ranks, const TransportOptions& options) : WorldFabric(ranks, options) {
    const auto reason = unavailable();
    RINGFOLD_CHECK(!reason, ExitCode::unavailable, "{}", *reason);
    check_gpus_for(ranks_here());
  }
  std::unique_ptr<Transport> make_transport(int rank, Control& control) override {
    return std::make_unique<NcclTransport>(control, options().deadline, local_rank(rank));
  }
};

std::string describe() { return fmt::format("NCCL {}; {}", nccl_version_text(), describe_gpus()); }

std::unique_ptr<Fabric> make(int ranks, const TransportOptions& options) {
  return std::make_unique<NcclFabric>(ranks, options);
}

bool moves(MemoryKind kind) { return kind == MemoryKind::cuda; }

}  // namespace

}  // namespace ringfold

RINGFOLD_TRANSPORT(nccl, "ranks are GPUs, messages go over NCCL", ringfold::unavailable, ringfold::describe,
                   ringfold::make, /*spans_processes=*/true, ringfold::moves, ringfold::kNcclBytesPerSecond,
                   ringfold::kNcclExchangeSeconds)
