#pragma once

#include "lib/strategy.h"

#include <string>
#include <vector>

namespace ringfold {

/// Plans with a strategy of the table; missing options get their defaults.
Schedule plan_with(std::string_view strategy, const Options& options, const Problem& problem, const Cluster& cluster);

Schedule plan_with(const StrategyInfo& strategy, const Options& options, const Problem& problem,
                   const Cluster& cluster);

/// Counts by brute force, key by key and independently of check(), what reaches each row of O; for small problems and
/// schedules that move no states. Returns what is wrong first, or nothing.
std::string first_fault(const Schedule& schedule);

/// Bytes that each rank sends.
std::vector<int64_t> sent_bytes(const Schedule& schedule);
int64_t attends_of(const Program& program);
/// Query heads x visible pairs of an attend.
int64_t work_of(const Attend& attend);

/// Problems that strategies tend to get wrong: ragged, empty, tiny, cached, packed; all masks; few or odd heads.
std::vector<Problem> ugly_problems();
std::string describe(const Problem& problem, const Cluster& cluster);

}  // namespace ringfold
