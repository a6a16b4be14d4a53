#pragma once

#include "lib/transport.h"

#include <memory>

namespace ringfold {

/// Base of wrappers that look at or change what is exchanged: takes one exchange at a time through
///   prepare(copy of the exchange) -> the wrapped transport -> conclude(that copy) -> the fence.
/// Enqueueing waits for the exchange before it: that can delay a rank, but no deadlock can come of it that the order
/// of exchanges did not hold already. Wraps and does not own `inner`.
class StagedTransport : public Transport {
 public:
  ~StagedTransport() override;
  StagedTransport(const StagedTransport&) = delete;
  StagedTransport& operator=(const StagedTransport&) = delete;

  std::unique_ptr<Fence> make_fence() final;
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) final;
  void synchronize() final;
  void cancel() noexcept final;
  bool moves(MemoryKind kind) const override { return kind == MemoryKind::host && inner_.moves(kind); }

 protected:
  explicit StagedTransport(Transport& inner);

  /// Before the exchange is handed on; what is to be sent is complete.
  virtual void prepare(BoundExchange& exchange) = 0;
  /// After it has ended; what was received is there.
  virtual void conclude(const BoundExchange& exchange) = 0;
  /// May say that an ended exchange has not ended yet.
  virtual bool shows_end() { return true; }

 private:
  class StagedFence;

  void settle();

  Transport& inner_;
  std::unique_ptr<Fence> inner_done_;
  BoundExchange current_;
  StagedFence* pending_ = nullptr;  ///< of the exchange in flight
};

}  // namespace ringfold
