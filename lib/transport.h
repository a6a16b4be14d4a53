#pragma once

#include "lib/device.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

class Control;
class World;

/// Contiguous memory to send to, or to receive from, a peer. Matched by (sender, receiver, tag) and equal bytes.
struct Transfer {
  int peer = 0;
  uint64_t tag = 0;
  std::byte* data = nullptr;
  int64_t bytes = 0;
};

/// When an exchange was in flight: from when its turn had come and its data were there, to when all its transfers had
/// ended. Of the steady clock; both zero if the transport does not say.
struct ExchangeSpan {
  std::chrono::steady_clock::time_point begin{};
  std::chrono::steady_clock::time_point end{};
};

/// An exchange with its memory resolved; owned by the caller, alive and unchanged until it has completed.
struct BoundExchange {
  int operation = 0;  ///< index in the rank's program, for messages
  std::vector<Transfer> sends;
  std::vector<Transfer> receives;
  ExchangeSpan* span = nullptr;  ///< if somebody watches: written by the transport before it says that it has ended
};

/// The memory in which all lies that the exchanges of a program name. `data` may be null where they name none.
struct AnnouncedMemory {
  std::shared_ptr<std::byte> data;
  int64_t bytes = 0;
  MemoryKind kind = MemoryKind::host;
};

/// One rank's end of a transport. Exchanges run one at a time, in the order enqueued. Knows no attention.
/// Called from one thread at a time. Errors say who waited for whom, in which operation, with which tag.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::unique_ptr<Fence> make_fence() = 0;
  /// Called by all ranks, before the first run of a program: the exchanges that will be enqueued, in their order, and
  /// their memory. What ranks have to tell each other (addresses, the order in which transfers meet) is told here. May
  /// be called again for another program. A transport whose peers read the memory for themselves keeps it until they
  /// have let go. Optional for transports that need none of it.
  virtual void announce(std::span<const BoundExchange* const>, const AnnouncedMemory&) {}
  /// Does enqueue() only put work on device queues, so that it can be recorded with what is computed? `after` is never
  /// null then.
  virtual bool is_stream_ordered() const { return false; }
  /// Of a stream-ordered transport: blocks until `end`, recorded behind all that was enqueued, is ready. Throws as
  /// enqueue() does when it will not be.
  virtual void watch(Fence& end) { end.wait(); }
  /// Of a stream-ordered transport, before recorded work is first started in earnest: starts it once for nothing.
  /// Collective. `start` enqueues the work with `end` behind it. A device may keep a first start waiting for all that
  /// is under way, on its peers too, where transfers may wait for this rank; so a transport that can lets none of them
  /// wait. What such a start receives means nothing. Throws as watch() does.
  virtual void rehearse(const std::function<void()>& /*start*/, Fence& /*end*/) {}
  /// Starts the exchange once `after` (may be null) is ready and all earlier exchanges have ended; `done`, made by this
  /// transport, is ready once it has ended. Does not wait for peers. Throws Error(deadline | peer_lost | internal).
  virtual void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) = 0;
  /// Blocks until everything enqueued has ended.
  virtual void synchronize() = 0;
  /// After an error: gives up what has not ended. Nobody touches this rank's memory or fences once it has returned.
  virtual void cancel() noexcept = 0;
  virtual bool moves(MemoryKind kind) const = 0;
};

struct TransportOptions {
  std::chrono::milliseconds deadline{10000};
  /// The processes that are the ranks, one each; null: the ranks are threads of this process. Outlives the fabric.
  World* world = nullptr;
};

/// What all ranks of one process share: makes each rank's control and transport.
class Fabric {
 public:
  virtual ~Fabric() = default;
  virtual int ranks() const = 0;
  /// Whether the rank is run by this process: all are, unless ranks are processes.
  virtual bool is_local(int) const { return true; }
  /// Call once a local rank, from any thread; the objects belong to that rank's thread and must not outlive the fabric.
  virtual std::unique_ptr<Control> make_control(int rank) = 0;
  virtual std::unique_ptr<Transport> make_transport(int rank, Control& control) = 0;
  /// The rank's number among those on its host: which device is its own. Of local ranks only.
  virtual int local_rank(int rank) const { return rank; }
};

struct TransportInfo {
  std::string_view id;
  std::string_view summary;
  std::optional<std::string> (*unavailable)();
  std::string (*describe)();
  std::unique_ptr<Fabric> (*make)(int ranks, const TransportOptions&);
  bool spans_processes = false;  ///< takes TransportOptions::world
  /// Which memory its transports move, as Transport::moves() says; null: host memory alone.
  bool (*moves)(MemoryKind) = nullptr;
  /// What passes assume of it where the memory is a device's, see AssumedRates.
  double link_bytes_per_second = 20e9;
  double exchange_seconds = 50e-6;
  /// What rows say of it where ranks are threads and the memory is a device's; "": nothing.
  std::string_view note_on_threads = {};
  bool can_move(MemoryKind kind) const { return moves == nullptr ? kind == MemoryKind::host : moves(kind); }
};

std::span<const TransportInfo> transport_table();
const TransportInfo* find_transport(std::string_view id);

}  // namespace ringfold

/// The last line of transports/<id>.cpp (or of its stub), at global scope.
#define RINGFOLD_TRANSPORT(id, summary, unavailable, describe, ...) \
  extern const ::ringfold::TransportInfo transport_info_##id;       \
  const ::ringfold::TransportInfo transport_info_##id = {#id, summary, unavailable, describe, __VA_ARGS__};
