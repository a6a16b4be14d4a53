#pragma once

#include "experiments/planned_case.h"
#include "experiments/rank_trace.h"
#include "lib/compare.h"
#include "lib/inputs.h"
#include "lib/judge.h"
#include "lib/ranks.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringfold {

class OutputFile;

/// One rank's part of a case: its kernel, its executor, its rows.
class RankCase {
 public:
  /// Allocates, and fills the rank's input blocks from the source.
  RankCase(const PlannedCase& planned, RankContext& context, const InputSource& inputs);
  ~RankCase();

  /// One forward that begins on all ranks at once, in ms of this rank's steady clock.
  double forward_ms();
  /// The same with a seal on every message (ChecksummedTransport), not to be timed. What it computes is right, or it
  /// throws. Every rank must take part.
  void sealed_forward();
  /// A sum of all bits of the rank's O and LSE.
  uint64_t output_sum() const;
  /// The same, watched: what was done when.
  RankTrace traced_forward();
  /// See link_rate.h.
  std::optional<double> measure_link_gbps();
  /// Bytes sent in the latest forward.
  int64_t sent_bytes() const;
  /// Compares the rows of O and LSE that the rank holds.
  Figures judge(const Judge& judge, Accumulation how) const;
  void save(OutputFile& file) const;
  /// The rows that the rank holds, where they lie.
  std::vector<OutputRows> output_rows() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What a rank reports to rank 0 at the end of a case, through Control.
struct RankReport {
  std::vector<double> forwards_ms;  ///< [repeat]
  int64_t sent_bytes = 0;
  std::optional<Breakdown> breakdown;
  std::optional<double> link_gbps;  ///< measured on the way, by rank 0 alone
  Figures figures;

  std::string serialize() const;
  static RankReport parse(const std::string& bytes);
};

}  // namespace ringfold
