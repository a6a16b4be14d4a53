#pragma once

#include "experiments/case.h"
#include "experiments/row.h"
#include "lib/assumed_rates.h"
#include "lib/kernel.h"
#include "lib/schedule.h"

#include <optional>
#include <span>
#include <string>

namespace ringfold {

/// A case whose plan was made and proved, or why it was not.
struct PlannedCase {
  Case item;
  std::optional<Schedule> schedule;  ///< proved, after all passes, buffers assigned; absent if not proved
  int64_t device_bytes = 0;          ///< of the rank that needs most; 0 on the host, and before missing_for()
  Outcome outcome;                   ///< passed means proved here; `plan` is there for a proved schedule

  bool is_proved() const { return schedule.has_value(); }
};

/// Plans, proves, applies the passes and proves what each of them returns. Touches no device. Never throws Error.
PlannedCase plan_case(const Case& item);

/// What passes may assume of the case's kernel and transport.
AssumedRates assumed_rates(const Case& item);

/// Why this machine cannot run the case: its transport or its kernel is missing or does not take the problem, or the
/// ranks that run here need more memory than there is. Empty if it can. Finds out what its devices need.
std::string missing_for(PlannedCase& planned, int ranks_here);

/// Host memory of so many ranks of a plan, those that need most.
int64_t memory_bytes(const PlannedCase& planned, int ranks_here);

/// Is there memory for cases of one kernel at once: that of the host, of which `shared_bytes` are needed beside them,
/// and that of each device? All must have gone through missing_for().
bool fit_together(std::span<const PlannedCase* const> cases, const KernelInfo* kernel, int ranks_here,
                  int64_t shared_bytes);

}  // namespace ringfold
