#pragma once

#include "experiments/report_gantt.h"
#include "lib/schedule.h"

#include <string>

namespace ringfold {

/// How fast one rank is. All positive.
struct Rates {
  double flops_per_ms = 1;
  double memory_bytes_per_ms = 1;  ///< merging and copying: bytes read
  double link_bytes_per_ms = 1;    ///< in each direction
  double latency_ms = 0;           ///< of an exchange
  std::string source;              ///< where they come from, for a reader
};

/// What each queue of each rank would do when: an operation starts when what it depends on has ended, an exchange ends
/// when all its transfers have met their partners and the bytes are through. Requires a proved schedule with buffers.
Gantt simulate(const Schedule& schedule, const Rates& rates);

/// Rates from what a row has measured, for the schedule that it ran: `timing.breakdown` for computing and merging,
/// `environment.link_gbps` for the link; where a row lacks them, computing takes the median, and the source says so.
Rates rates_of(const Row& row, const Schedule& schedule);

}  // namespace ringfold
