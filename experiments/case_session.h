#pragma once

#include "experiments/planned_case.h"
#include "experiments/rank_trace.h"
#include "experiments/turns.h"
#include "lib/compare.h"
#include "lib/inputs.h"
#include "lib/judge.h"
#include "lib/ranks.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ringfold {

/// measure.deadline_seconds
std::chrono::milliseconds deadline_of(const Case& item);

class OutputFile;
class RankCase;
class Timeline;

/// A case set up on all its ranks, or on that one of them which is this process: steps are warm-ups, then repeats.
/// Between steps the ranks sleep, so that the steps of several sessions can alternate.
class CaseSession {
 public:
  struct Setup {
    World* world = nullptr;  ///< null: the ranks are threads of this process
    const InputSource* inputs = nullptr;
    const Judge* judge = nullptr;  ///< null: nothing is compared
    std::string save_outputs{};    ///< path, or empty; in a world, written by rank 0
    Timeline* timeline = nullptr;  ///< gets the forward that is watched after the last step; may be null
    std::string label{};           ///< of the case, in the timeline
    bool measures_link = false;    ///< Outcome::rates.link_gbps is asked for
  };

  /// Starts the ranks and waits until they are set up. The planned case must be proved and outlive this.
  CaseSession(const PlannedCase& planned, const Setup& setup);
  ~CaseSession();

  /// One forward. False: the case has failed.
  bool step() { return turns_.run_step(); }
  /// What the latest step took, in ms: one time a rank of this process; between steps only.
  const std::vector<double>& latest_ms() const { return latest_ms_; }
  /// Judges the latest forward, ends the case and tells what became of it. Throws Error(interrupted) only.
  Outcome finish();

 private:
  void run();
  static void tell_others(const std::exception& error, const TransportOptions& options);
  void run_rank(RankContext& context, const Accumulation& how, OutputFile* file);
  static void check_bits(RankCase& rank, const RankContext& context, uint64_t measured, std::optional<uint64_t> proved);
  RankTrace watch(RankCase& rank, RankContext& context);
  void save(const RankCase& rank, Control& control, OutputFile* file);
  void conclude(const std::vector<std::string>& reports);
  void fail(const Error& error);

  const PlannedCase& planned_;
  Setup setup_;
  Turns turns_;
  Outcome outcome_;
  std::vector<double> latest_ms_;
  bool is_complete_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace ringfold
