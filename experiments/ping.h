#pragma once

#include "lib/transport.h"

#include <optional>

namespace ringfold {

/// One message from one rank to another.
struct Ping {
  double latency_us = 0;            ///< median one-way time of 8 bytes: half a round trip
  double gigabytes_per_second = 0;  ///< median of large messages, one way at a time
};

/// Between two ranks of a transport that is available, host memory; takes well under a second. Nothing for a transport
/// that does not move such memory.
std::optional<Ping> measure_ping(const TransportInfo& transport);

}  // namespace ringfold
