#pragma once

#include "lib/assumed_rates.h"
#include "lib/schedule.h"

namespace ringfold {

/// How long a rank's program takes, by these rates and with each of its two queues in order: operations start when what
/// they read is there. Partners are taken to be ready. To compare plans by; requires device rates.
double estimate_seconds(const Program& program, const Problem& problem, const AssumedRates& rates);

}  // namespace ringfold
