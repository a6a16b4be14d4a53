#include "experiments/report_pictures.h"

#include "experiments/experiment.h"
#include "experiments/load.h"
#include "experiments/planned_case.h"
#include "experiments/report_grid.h"
#include "experiments/report_simulation.h"
#include "experiments/report_values.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringfold {
namespace {

constexpr int64_t kBytesOfBar = 9;  // of its JSON: three short numbers

/// What is left of a budget, for the cases that are left.
class Budget {
 public:
  Budget(int64_t bytes, size_t cases) : bytes_(bytes), cases_(static_cast<int64_t>(cases)) {}
  int64_t share() const { return std::max<int64_t>(0, bytes_ / std::max<int64_t>(1, cases_)); }
  void take(int64_t bytes) {
    bytes_ -= bytes;
    --cases_;
  }

 private:
  int64_t bytes_;
  int64_t cases_;
};

/// A row's `case` and a name are an experiment. Inputs are not looked for: a plan does not depend on them, and a
/// stranger's row must not name the files that we open.
Case case_of(const Row& row) {
  const Row* given = value_of(row, "/case");
  RINGFOLD_CHECK(given != nullptr && given->is_object(), ExitCode::configuration, "the row has no case");
  Row experiment = *given;
  experiment.erase("inputs");
  experiment["name"] = "report";
  const double round = number_of(row, "/round").value_or(0);
  const Row* rounds = value_of(*given, "/problem/rounds");
  const bool has_rounds = rounds != nullptr && rounds->is_array();
  if (has_rounds) experiment["problem"].erase("sequences");
  Experiment read = parse_experiment(experiment.dump(), "case", {}, built_vocabulary());
  const bool is_one = has_rounds ? round < static_cast<double>(read.cases.size()) : read.cases.size() == 1;
  RINGFOLD_CHECK(is_one, ExitCode::configuration, "the row's case is not one case");
  return std::move(read.cases[has_rounds ? static_cast<size_t>(round) : 0]);
}

/// Rank pairs that a plan has, as often as it has sequences.
int64_t work_of(const Case& item) {
  return int64_t{item.cluster.sp} * item.cluster.ranks() * static_cast<int64_t>(item.problem.sequences.size());
}

Schedule plan_again(const Row& row, int64_t& planned) {
  const Case item = case_of(row);
  RINGFOLD_CHECK(item.cluster.ranks() <= kMostPlannedRanks, ExitCode::unavailable,
                 "plans of more than {} ranks are not drawn", kMostPlannedRanks);
  RINGFOLD_CHECK(item.problem.heads.kv <= kMostPlannedHeads, ExitCode::unavailable,
                 "plans of more than {} kv heads are not drawn", kMostPlannedHeads);
  RINGFOLD_CHECK(planned + work_of(item) <= kMostPlanned, ExitCode::unavailable,
                 "too many large plans in one report: make one of fewer results");
  planned += work_of(item);
  PlannedCase again = plan_case(item);
  RINGFOLD_CHECK(again.is_proved(), again.outcome.exit, "{}", again.outcome.reason);
  return std::move(*again.schedule);
}

int64_t size_of(const Row& json) { return static_cast<int64_t>(json.dump().size()); }

}  // namespace

void add_pictures(std::vector<ReportCase>& cases, const Traces& traces, int64_t bytes) {
  Budget budget(bytes, cases.size());
  int64_t planned = 0;
  for (ReportCase& item : cases) {
    const int64_t share = budget.share();
    int64_t taken = 0;
    if (const Gantt* measured = traces.find(item.id)) {
      item.json["measured"] = gantt_json(*measured, share / 3 / kBytesOfBar);
      taken += size_of(item.json["measured"]);
    }
    try {
      const Schedule schedule = plan_again(item.row, planned);
      if (Row grid = grid_json(schedule, share / 2); !grid.is_null()) {
        taken += size_of(grid);
        item.json["grid"] = std::move(grid);
      }
      const Rates rates = rates_of(item.row, schedule);
      item.json["rates"] = rates.source;
      item.json["planned"] = gantt_json(simulate(schedule, rates), std::max<int64_t>(8, (share - taken) / kBytesOfBar));
      taken += size_of(item.json["planned"]);
    } catch (const std::exception& error) {
      item.json["no_plan"] = shortened(error.what(), 200);
    }
    budget.take(taken);
  }
}

}  // namespace ringfold
