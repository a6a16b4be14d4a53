#pragma once

#include "transports/peer_routes.h"
#include "transports/small_launch.h"

#include <memory>
#include <span>
#include <vector>

namespace ringfold {

/// The exchanges of a program that one kernel moves in less time than copy engines with flags on a stream: those in
/// which the rank pulls little from each peer.
class SmallExchanges {
 public:
  /// Exchange i has number `first_number` + i. `begun`, `ended`: words that the current device writes.
  SmallExchanges(std::span<const PeerRoute> routes, uint32_t first_number, uint32_t* begun, uint32_t* ended);
  /// Null for an exchange that is not small.
  const SmallExchange* of(size_t index) const { return exchanges_[index].lanes > 0 ? &exchanges_[index] : nullptr; }

 private:
  std::vector<SmallExchange> exchanges_;  ///< without lanes: not small
  std::vector<std::shared_ptr<std::byte>> tables_;
};

}  // namespace ringfold
