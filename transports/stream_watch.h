#pragma once

#include "lib/control.h"
#include "lib/transport.h"
#include "transports/cuda_handles.h"

#include <chrono>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

namespace ringfold {

/// How a rank waits while its device works: by what it tells the control plane and when it gives up. For transports
/// whose exchanges run on streams, started one by one or recorded as a whole.
///
/// Two words of host memory, written by the streams themselves, say which exchange has begun and which has ended, also
/// in recorded programs. A rank is alive as long as its host looks and its device gets on:
/// - a word has changed: a sign of life;
/// - no exchange is in flight: the device computes. Nothing tells a long operation from one that never ends: counted as
///   life for `kPatience` deadlines, after which the rank gives up by itself;
/// - an exchange is in flight: the rank says which transfers it waits for. That is no sign of life, unless the
/// transport
///   needs compute units: then the exchange may wait for this rank's own work to leave it some.
/// Ranks that wait are judged, by the control plane, by those whom they wait for: see Liveness.
class StreamWatch {
 public:
  static constexpr int kPatience = 12;

  /// `words`: 8 zeroed bytes that the device can write; null: made at the first announce.
  StreamWatch(Control& control, std::chrono::milliseconds deadline, bool needs_compute_units,
              std::shared_ptr<std::byte> words = nullptr);

  /// With the device current. Numbers go on from those of earlier programs.
  void announce(std::span<const BoundExchange* const> exchanges);
  /// The exchange's number, from 1 on. Throws Error(internal) for one that was not announced.
  uint32_t number_of(const BoundExchange& exchange);
  /// Where a stream writes an exchange's number when its turn has come, and when it has ended.
  uint32_t* begun_word() const { return reinterpret_cast<uint32_t*>(words_.get()); }
  uint32_t* ended_word() const { return begun_word() + 1; }
  /// Around an exchange that somebody watches; not in recorded work.
  void time_begin(const BoundExchange& exchange, cudaStream_t stream);
  void time_end(const BoundExchange& exchange, cudaStream_t stream);

  /// Blocks until `ready` says so. `look`: what else to look at, about once a millisecond; may throw.
  void wait(const std::function<bool()>& ready, const std::function<void()>& look);
  /// The same, for an event.
  void wait(cudaEvent_t event, const std::function<void()>& look);
  /// The same, for an event behind everything that was put on streams: spans are written, words start anew.
  void finish(cudaEvent_t end, const std::function<void()>& look);
  /// The event that a wait was left at by an exception; null if none was.
  cudaEvent_t left_at() const { return left_at_; }
  void forget_left() { left_at_ = nullptr; }
  /// Waits on the host for peers to come, such as to connect: a sign of life for a minute at least.
  void meet(const std::function<bool()>& ready, std::span<const Wanted> wants);

 private:
  using Clock = std::chrono::steady_clock;
  struct Timed {
    const BoundExchange* exchange = nullptr;
    std::unique_ptr<DeviceEvent> begin;
    std::unique_ptr<DeviceEvent> end;
  };
  class Wait;

  /// The exchange that has begun and not ended; 0 if there is none.
  uint32_t in_flight() const;
  uint32_t word(size_t index) const;
  void write_spans(cudaEvent_t end);

  Control& control_;
  std::chrono::milliseconds deadline_;
  bool needs_compute_units_;
  std::shared_ptr<std::byte> words_;
  std::vector<std::vector<Wanted>> wanted_;  ///< by number - 1
  std::unordered_map<const BoundExchange*, uint32_t> numbers_;
  std::vector<Timed> timed_;  ///< the first `timing_` are in use
  size_t timing_ = 0;
  cudaEvent_t left_at_ = nullptr;
};

/// Done when a stream has come to a point; ready for good once it has been recorded into a graph, whose end is watched.
class StreamFence final : public Fence {
 public:
  using WaitFor = std::function<void(cudaEvent_t)>;
  explicit StreamFence(WaitFor wait_for) : wait_for_(std::move(wait_for)) {}
  bool ready() override;
  void wait() override;
  void* native() override { return event_ ? event_->get() : nullptr; }
  /// With the stream's device current.
  void record(cudaStream_t stream, bool captured);

 private:
  WaitFor wait_for_;
  std::unique_ptr<DeviceEvent> event_;
  bool is_captured_ = false;
};

}  // namespace ringfold
