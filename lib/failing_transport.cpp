#include "lib/failing_transport.h"

#include "lib/error.h"

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace ringfold {

std::string_view to_string(TransportFault fault) {
  switch (fault) {
    case TransportFault::drop: return "drop";
    case TransportFault::delay: return "delay";
    case TransportFault::duplicate: return "duplicate";
    case TransportFault::reorder: return "reorder";
    case TransportFault::flip_bit: return "flip_bit";
    case TransportFault::short_write: return "short_write";
    case TransportFault::reset: return "reset";
  }
  RINGFOLD_INVARIANT(false, "fault {}", static_cast<int>(fault));
}

FailingTransport::FailingTransport(Transport& inner, int rank, TransportFault fault, double probability, uint64_t seed)
    : StagedTransport(inner), rank_(rank), fault_(fault), probability_(probability), draws_(seed) {}

void FailingTransport::note(const BoundExchange& exchange, const Transfer& transfer, std::string_view direction) {
  injected_.push_back(fmt::format("rank {}, operation {}, tag {} {} rank {}: {}", rank_, exchange.operation,
                                  transfer.tag, direction, transfer.peer, to_string(fault_)));
}

void FailingTransport::prepare(BoundExchange& exchange) {
  for (size_t i = exchange.sends.size(); i-- > 0;) {  // backwards, since sends come and go
    if (draws_.with_probability(probability_)) hit_send(exchange, i);
  }
  before_.clear();
  if (fault_ != TransportFault::short_write) return;
  for (const Transfer& receive : exchange.receives) before_.emplace_back(receive.data, receive.data + receive.bytes);
}

void FailingTransport::hit_send(BoundExchange& exchange, size_t index) {
  Transfer& send = exchange.sends[index];
  switch (fault_) {
    case TransportFault::drop:
      note(exchange, send, "to");
      exchange.sends.erase(exchange.sends.begin() + static_cast<std::ptrdiff_t>(index));
      return;
    case TransportFault::delay:
      note(exchange, send, "to");
      std::this_thread::sleep_for(std::chrono::microseconds(100 + draws_.below(400)));
      return;
    case TransportFault::duplicate:
      note(exchange, send, "to");
      exchange.sends.push_back(Transfer(send));
      return;
    case TransportFault::reorder: {
      Transfer& other = exchange.sends[draws_.below(exchange.sends.size())];
      if (&other == &send) return;
      note(exchange, send, "to");
      std::swap(send.data, other.data);
      std::swap(send.bytes, other.bytes);
      return;
    }
    case TransportFault::reset:
      note(exchange, send, "to");
      throw Error(ExitCode::peer_lost, fmt::format("connection of rank {} to rank {} was reset in operation {}, tag {}",
                                                   rank_, send.peer, exchange.operation, send.tag));
    case TransportFault::flip_bit:
    case TransportFault::short_write: return;  // done where the bytes arrive
  }
}

void FailingTransport::conclude(const BoundExchange& exchange) {
  if (fault_ != TransportFault::flip_bit && fault_ != TransportFault::short_write) return;
  for (size_t i = 0; i < exchange.receives.size(); ++i) {
    const Transfer& receive = exchange.receives[i];
    if (!draws_.with_probability(probability_) || receive.bytes == 0) continue;
    note(exchange, receive, "from");
    const uint64_t at = draws_.below(static_cast<uint64_t>(receive.bytes));
    if (fault_ == TransportFault::flip_bit) {
      receive.data[at] ^= static_cast<std::byte>(1U << draws_.below(8));
    } else {
      std::memcpy(receive.data + at, before_[i].data() + at, static_cast<size_t>(receive.bytes) - at);
    }
  }
}

}  // namespace ringfold
