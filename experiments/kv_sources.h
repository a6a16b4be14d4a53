#pragma once

#include "experiments/planned_case.h"
#include "experiments/row.h"

#include <optional>
#include <string>

namespace ringfold {

/// One source of K and V of a layer (problem.layer.source): what the plan costs the rank that it costs most.
struct SourceCost {
  bool is_planned = false;
  int64_t sent_bytes = 0;         ///< most that a rank sends
  int64_t peak_bytes = 0;         ///< most that a rank's memory holds, weights and hidden states included
  double projection_flops = 0;    ///< most that a rank projects
  double flops = 0;               ///< most that a rank does, attending included
  std::optional<double> seconds;  ///< by estimate_seconds(), of the slowest rank, where there are rates
};

/// Both sources of the same case.
struct KvSources {
  SourceCost exchange;
  SourceCost recompute;
  /// FLOPs that a rank must do in the time that it sends a byte for both to be as fast, if nothing overlaps;
  /// nothing unless one of them has fewer bytes and more FLOPs than the other.
  std::optional<double> flops_per_byte() const;
};

/// Plans the other source of a proved case with a layer, too. `rates`: what to estimate by, if it is known.
KvSources compare_sources(const PlannedCase& planned, const std::optional<AssumedRates>& rates);

/// Arithmetic and links, and nothing else that takes time: neither memory nor launches.
AssumedRates plain_rates(double tflops, double gbps);

/// A table of both, and which is cheaper where, and by what account.
std::string sources_text(const KvSources& sources, const std::optional<AssumedRates>& rates);
Row sources_json(const KvSources& sources);

}  // namespace ringfold
