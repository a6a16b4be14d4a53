#pragma once

#include "experiments/case_session.h"
#include "experiments/gpu_watch.h"
#include "experiments/machine_rates.h"
#include "experiments/planned_case.h"
#include "experiments/problem_data.h"
#include "experiments/progress.h"
#include "experiments/repeats.h"
#include "experiments/team.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ringfold {

/// Cases that differ in their strategy only, as indices into the list given: their repeats alternate.
std::vector<std::vector<size_t>> groups_of(const std::vector<Case>& cases);

class Timeline;

struct SaveOptions {
  std::string folder;
  bool outputs = false;
  bool inputs = false;
  Timeline* timeline = nullptr;  ///< may be null
};

/// Runs groups of cases, one after the other; keeps inputs and references from group to group where they are the same.
class GroupRunner {
 public:
  /// Called for every case of a group in order, as soon as the case and all before it have ended.
  using Ended = std::function<void(const Case&, const Outcome&)>;

  GroupRunner(Team& team, Progress& progress, SaveOptions save)
      : team_(team), progress_(progress), save_(std::move(save)), data_(team.ranks_here(1)) {}

  /// Throws Error(interrupted), and what `ended` throws; everything else becomes an outcome, which only the leader
  /// of a team knows in full.
  void run(const std::vector<Case>& group, const Ended& ended);

 private:
  /// One case on its way; without a session if it cannot run.
  struct Running {
    PlannedCase planned;
    std::unique_ptr<CaseSession> session{};
    bool measures_link = false;
    bool has_failed = false;
  };

  /// Of a case's time, until it is judged; for the time left.
  static constexpr double kShareOfRounds = 0.9;

  static void check_not_interrupted();
  void run_together(std::vector<Running>& cases, const Ended& ended);
  void plan(const std::vector<Case>& group, std::vector<Running>& cases);
  void start_all(std::vector<Running>& cases);
  void start(Running& running);
  void measure_core();
  CaseSession::Setup prepare(const PlannedCase& planned, bool measures_link);
  void start_ideal(const std::vector<Running>& cases);
  void step_ideal();
  int gpus_here(const Case& item) const;
  void run_rounds(std::vector<Running>& cases);
  void round(std::vector<Running>& cases, int64_t number, const std::string& doing, double share);
  bool add_round(const std::vector<Running>& cases, Repeats& repeats);
  void finish(Running& running, const Ended& ended);

  Team& team_;
  Progress& progress_;
  SaveOptions save_;
  ProblemData data_;
  Running ideal_;  ///< the whole problem on one rank, beside the group's cases
  std::optional<double> ideal_ms_;
  std::optional<double> core_gflops_;
  std::map<std::string, double> links_gbps_;  ///< by transport
  double clock_ratio_ = 0;                    ///< of the latest repeats; see machine_rates.h
  GpuWatch gpus_{0};                          ///< during the latest repeats
};

}  // namespace ringfold
