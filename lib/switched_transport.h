#pragma once

#include "lib/transport.h"

namespace ringfold {

/// Hands exchanges to one of two transports, the one in use, so that a program can run now with a wrapper and now
/// without, in the same memory. Wraps and owns neither; they may end in the same transport.
class SwitchedTransport final : public Transport {
 public:
  /// Begins with `first`.
  SwitchedTransport(Transport& first, Transport& second) : first_(first), second_(second), used_(&first) {}

  /// Only when everything enqueued has ended.
  void use_second(bool second) { used_ = second ? &second_ : &first_; }

  std::unique_ptr<Fence> make_fence() override;
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override;
  void announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory) override {
    first_.announce(exchanges, memory);
    second_.announce(exchanges, memory);
  }
  bool is_stream_ordered() const override { return used_->is_stream_ordered(); }
  void watch(Fence& end) override { used_->watch(end); }
  void rehearse(const std::function<void()>& start, Fence& end) override { used_->rehearse(start, end); }
  void synchronize() override { used_->synchronize(); }
  void cancel() noexcept override;
  bool moves(MemoryKind kind) const override { return used_->moves(kind); }

 private:
  Transport& first_;
  Transport& second_;
  Transport* used_;
};

}  // namespace ringfold
