// ucx: ranks are threads or processes, on one host or many; exchanges go over UCX's tagged messages. Each rank has a
// worker of its own for each session, so that nothing of a session that failed can meet a later one's. See
// ucx_engine.h.
#include "lib/error.h"
#include "lib/transport.h"
#include "transports/ucx_engine.h"
#include "transports/world_fabric.h"

namespace ringfold {

namespace {

class UcxFence final : public Fence {
 public:
  explicit UcxFence(UcxEngine& engine) : engine_(engine) {}
  bool ready() override { return done.load(std::memory_order_acquire); }
  void wait() override { engine_.wait(done); }

  std::atomic<bool> done{true};  // nothing enqueued yet: nothing to wait for

 private:
  UcxEngine& engine_;
};

class UcxTransport final : public Transport {
 public:
  UcxTransport(std::shared_ptr<UcxContext> context, Control& control, std::chrono::milliseconds deadline)
      : engine_(std::move(context), control, deadline) {}

  std::unique_ptr<Fence> make_fence() override { return std::make_unique<UcxFence>(engine_); }
  void announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory) override {
    engine_.announce(exchanges, memory);
  }
  /// Waits for `after` on the host: UCX knows no queues.
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
    if (after != nullptr) after->wait();
    engine_.enqueue(exchange, static_cast<UcxFence&>(done).done);
  }
  void synchronize() override { engine_.synchronize(); }
  void cancel() noexcept override { engine_.cancel(); }
  bool moves(MemoryKind kind) const override { return engine_.context().moves(kind); }

 private:
  UcxEngine engine_;
};

class UcxFabric final : public WorldFabric {
 public:
  UcxFabric(int ranks, const TransportOptions& options)
      : WorldFabric(ranks, options), context_(std::make_shared<UcxContext>(ranks)) {}
  std::unique_ptr<Transport> make_transport(int, Control& control) override {
    return std::make_unique<UcxTransport>(context_, control, options().deadline);
  }

 private:
  std::shared_ptr<UcxContext> context_;
};

std::optional<std::string> unavailable() {
  try {
    const UcxContext context(2);
    return std::nullopt;
  } catch (const Error& error) {
    return error.what();
  }
}

std::string describe() {
  const UcxContext context(2);
  return fmt::format("{}; transports {}; memory of {}", ucx_library_text(), fmt::join(context.transports(), ", "),
                     context.moves(MemoryKind::cuda) ? "host and CUDA" : "host");
}

bool moves(MemoryKind kind) { return UcxContext(2).moves(kind); }

std::unique_ptr<Fabric> make(int ranks, const TransportOptions& options) {
  return std::make_unique<UcxFabric>(ranks, options);
}

}  // namespace

}  // namespace ringfold

RINGFOLD_TRANSPORT(ucx, "ranks are threads or processes, messages go over UCX", ringfold::unavailable,
                   ringfold::describe, ringfold::make, /*spans_processes=*/true, ringfold::moves,
                   /*link_bytes_per_second=*/20e9,
                   /*exchange_seconds=*/50e-6,
                   "between threads UCX takes GPU memory through the host, piece by piece: start a process a rank")
