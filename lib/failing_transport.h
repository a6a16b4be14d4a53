#pragma once

#include "lib/random_draws.h"
#include "lib/staged_transport.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// What can happen to a message under way.
enum class TransportFault {
  drop,         ///< never sent
  delay,        ///< sent late
  duplicate,    ///< sent twice
  reorder,      ///< two messages of an exchange arrive in each other's place
  flip_bit,     ///< one bit of what was received is wrong
  short_write,  ///< the last bytes received never arrive
  reset,        ///< the connection breaks: Error(peer_lost)
};
std::string_view to_string(TransportFault fault);

/// Injects faults of one kind into one rank's messages: in which of them, and how, follows from the seed alone. Placed
/// under a ChecksummedTransport every fault ends in the right answer or in a named error; without one, only those that
/// a rendezvous notices by itself do.
class FailingTransport final : public StagedTransport {
 public:
  /// Each message is hit with this probability. Use another seed on each rank.
  FailingTransport(Transport& inner, int rank, TransportFault fault, double probability, uint64_t seed);

  /// Faults injected so far, as text: "operation 3, tag 7 to rank 1: drop".
  const std::vector<std::string>& injected() const { return injected_; }

 private:
  void prepare(BoundExchange& exchange) override;
  void conclude(const BoundExchange& exchange) override;
  void hit_send(BoundExchange& exchange, size_t index);
  void note(const BoundExchange& exchange, const Transfer& transfer, std::string_view direction);

  int rank_;
  TransportFault fault_;
  double probability_;
  RandomDraws draws_;
  std::vector<std::string> injected_;
  /// short_write: what stood in the receives' memory before.
  std::vector<std::vector<std::byte>> before_;
};

}  // namespace ringfold
