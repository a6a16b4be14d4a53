#pragma once

#include "lib/transport.h"

#include <cstdint>
#include <map>

namespace ringfold {

/// Counts what one rank hands to a transport, which it wraps and does not own.
class RecordingTransport final : public Transport {
 public:
  explicit RecordingTransport(Transport& inner) : inner_(inner) {}

  std::unique_ptr<Fence> make_fence() override { return inner_.make_fence(); }
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override;
  void announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory) override {
    inner_.announce(exchanges, memory);
  }
  bool is_stream_ordered() const override { return inner_.is_stream_ordered(); }
  void watch(Fence& end) override { inner_.watch(end); }
  void rehearse(const std::function<void()>& start, Fence& end) override { inner_.rehearse(start, end); }
  void synchronize() override { inner_.synchronize(); }
  void cancel() noexcept override { inner_.cancel(); }
  bool moves(MemoryKind kind) const override { return inner_.moves(kind); }

  /// Since the last reset.
  int64_t sent_bytes() const { return sent_bytes_; }
  int64_t received_bytes() const { return received_bytes_; }
  const std::map<int, int64_t>& sent_to() const { return sent_to_; }
  void reset();

 private:
  Transport& inner_;
  int64_t sent_bytes_ = 0;
  int64_t received_bytes_ = 0;
  std::map<int, int64_t> sent_to_;  ///< by peer; allocates at the first message to one only
};

}  // namespace ringfold
