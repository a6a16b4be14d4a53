#pragma once

namespace ringfold {

/// What passes that weigh one plan against another assume of a machine: round numbers, the same on every rank and in
/// every run, so that a plan depends on the case alone. Zeros: a host, where launching costs nothing and nothing is
/// weighed.
struct AssumedRates {
  double flops_per_second = 0;         ///< of one attend
  double memory_bytes_per_second = 0;  ///< reading or writing a device's own memory
  double launch_seconds = 0;           ///< from one operation's end to the next one's start, ramping up included
  double link_bytes_per_second = 0;    ///< out of one rank
  double exchange_seconds = 0;         ///< of an exchange of nothing
  bool merges = true;                  ///< false: a kernel's results are not exact enough to be merged
  bool is_device() const { return launch_seconds > 0; }
};

}  // namespace ringfold
