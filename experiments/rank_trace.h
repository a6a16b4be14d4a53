#pragma once

#include "lib/executor.h"
#include "lib/schedule.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// When one operation was done, in ns. Of a compute operation: its turn came at `begin`, what it waited for was there
/// at `start`, it had ended at `end`. Of an exchange: in flight from `start` to `end`.
struct OperationSpan {
  int64_t begin_ns = 0;
  int64_t start_ns = 0;
  int64_t end_ns = 0;
  bool operator==(const OperationSpan&) const = default;
};

/// What one rank did in one forward and when, in ns of its own steady clock. A plain value.
struct RankTrace {
  int64_t begin_ns = 0;  ///< of the forward, after the barrier
  int64_t end_ns = 0;
  std::vector<OperationSpan> operations;  ///< in program order
  bool is_complete = true;                ///< false if the transport does not say when its exchanges were in flight
  bool operator==(const RankTrace&) const = default;

  std::string serialize() const;
  static RankTrace parse(std::string_view bytes);
};

/// Makes a rank's trace. Allocates before the forward only.
class RankTracer final : public ExecutionObserver {
 public:
  explicit RankTracer(const Program& program);
  void begin(int operation) override;
  void start(int operation) override;
  void end(int operation) override;
  void computed(int operation, const ComputeSpan& span) override;
  void exchanged(int operation, const ExchangeSpan& span) override;

  RankTrace trace{};
};

/// Where the time of one rank's forward went. compute + merge + exposed + idle = total.
struct Breakdown {
  double compute_ms = 0;      ///< in attends, copies and finishes
  double merge_ms = 0;        ///< in merges
  double communicate_ms = 0;  ///< with an exchange in flight
  double exposed_ms = 0;      ///< of that, with nothing computed meanwhile
  double idle_ms = 0;         ///< neither
  double total_ms = 0;
};

/// Absent for a trace that is not complete.
std::optional<Breakdown> breakdown_of(const Program& program, const RankTrace& trace);

}  // namespace ringfold
