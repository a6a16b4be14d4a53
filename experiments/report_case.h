#pragma once

#include "experiments/row.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace ringfold {

/// A row as a report shows it: bounded, whatever the row holds.
struct ReportCase {
  Row json;  ///< what the page gets: see report_case()
  Row row;   ///< for its pictures
  std::string id;
  std::string problem;             ///< equal for rows of one run that differ in their strategy only
  std::vector<double> repeats_ms;  ///< the slowest rank's
  bool is_passed = false;
};

/// "id", "run", "label", "status", "exit", "reason", "transport", "kernel", "inputs", "tokens": [new, cached,
/// sequences], "ranks", "case" (long ones shortened) and, as far as the row has them: "ms", "ci", "reps", "span" (the
/// fastest and slowest of all repeats), "ideal", "gflops" (a rank's), "notes", "breakdown", "plan", "output", "lse":
/// [error, bound], "rows_checked", "peak" (GFLOP/s of a core), "link" (GB/s), "cores", "command".
/// Lists are per rank, cut after kMostListed entries.
ReportCase report_case(Row&& row, int run);
inline constexpr size_t kMostListed = 64;

/// Fills in "problem" (a number), "best" (among those of its problem that passed) and "versus": [ratio, low, high], how
/// many times as long as the best one it takes, with a 95 % confidence interval where there are repeats enough.
/// Returns how many problems there are.
int64_t judge_problems(std::vector<ReportCase>& cases);

}  // namespace ringfold
