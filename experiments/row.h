#pragma once

#include "experiments/case.h"
#include "experiments/rank_trace.h"
#include "lib/cost.h"
#include "lib/error.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// A row of results.jsonl; fields in the order of the contract (see docs/measuring.md).
using Row = nlohmann::ordered_json;

enum class Status { passed, failed, skipped, refuted };
std::string_view to_string(Status status);

/// Absolute error and bound of the row of O (or LSE) with the largest ratio of the two.
struct Figure {
  double error = 0;
  double bound = 0;
};

struct Numerics {
  Figure output;
  Figure lse;
  int64_t rows_checked = 0;  ///< (token, all its query heads)
};

/// What this machine can do at best, measured in the same run.
struct MachineRates {
  std::optional<double> peak_gflops_core;  ///< fp32 fused multiply-adds of one core, two operations each
  std::optional<double> link_gbps;         ///< of the transport between two ranks, 10^9 bytes a second
  std::string gpu_clocks;                  ///< right after the repeats; empty without GPUs
};

/// What became of one case. Absent: not measured.
struct Outcome {
  Status status = Status::passed;
  ExitCode exit = ExitCode::ok;
  std::string reason;
  std::optional<Cost> plan;
  std::vector<int64_t> sent_bytes;  ///< per rank, as the recording transport saw them
  std::optional<Numerics> numerics;
  std::vector<std::vector<double>> ranks_ms;  ///< [repeat][rank]
  std::optional<double> ideal_ms;             ///< one rank's time for the whole problem / ranks
  std::vector<Breakdown> breakdown;           ///< per rank, of one forward after the repeats
  std::vector<std::string> notes;             ///< what is odd about the repeats, with advice
  MachineRates rates;
};

/// A failure as an outcome: unavailable is skipped, refuted is refuted, everything else failed.
Outcome outcome_of(const Error& error);

/// Each repeat's slowest rank.
std::vector<double> slowest_ms(const std::vector<std::vector<double>>& ranks_ms);
/// Median over repeats of the slowest rank. Requires a repeat.
double median_ms(const std::vector<std::vector<double>>& ranks_ms);

/// `command` reproduces the row; `environment` is the allow-list of environment.h.
Row make_row(const std::string& name, const Case& item, const Outcome& outcome, const Row& environment,
             const std::string& command);
/// The `plan` field.
Row plan_json(const Cost& cost);
Row options_json(const Case& item);

/// The exit code of a run whose results are these rows: the first of 1, 7, 6, 9, 5 in any, else 4, else 0.
ExitCode exit_of(const std::vector<Row>& rows);

}  // namespace ringfold
