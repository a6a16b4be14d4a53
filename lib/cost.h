#pragma once

#include "lib/schedule.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace ringfold {

/// What a schedule costs, counted from the plan alone. All per rank unless said otherwise.
struct Cost {
  std::vector<int64_t> sent_bytes;
  std::vector<int64_t> received_bytes;
  std::vector<double> flops;  ///< 4 dim x visible (query, key, query head) triples; may exceed 64 bits, exact to 2^53
  /// 2 x (token, hidden channel, channel of a q, k or v row) triples that are projected; none without a layer.
  std::vector<double> projection_flops;
  std::vector<int64_t> attends;
  std::vector<int64_t>
      peak_bytes;  ///< inputs, O and all buffers: the arena where assigned, else the most alive at once
  /// Bytes of the rank's initial (or projected) rows, each once for every other rank of its group that attends it
  /// without holding it.
  std::vector<int64_t> minimum_sent_bytes;
  std::vector<int64_t>
      pages;               ///< that the KV which a rank starts with, or projects, takes; none where it is contiguous
  double imbalance = 1.0;  ///< max / mean of flops, projections included; 1 if there is no work
  std::map<std::pair<int, int>, int64_t> link_bytes;  ///< (sender, receiver) -> bytes, non-zero ones only

  /// FLOPs of each rank, projections included.
  std::vector<double> all_flops() const;
};

Cost cost_of(const Schedule& schedule);
/// Of one operation.
double projection_flops(const Problem& problem, const Program& program, const Project& project);

}  // namespace ringfold
