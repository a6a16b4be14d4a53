#pragma once

#include "experiments/report_case.h"
#include "experiments/report_trace.h"

#include <map>
#include <string>
#include <vector>

namespace ringfold {

/// Everything that a report shows, from rows as they are read: bounded, however many there are.
class ReportData {
 public:
  /// A page of 200 cases has at most so many bytes.
  static constexpr int64_t kPageBytes = 2'000'000;
  static constexpr int64_t kMostPassed = 400;
  static constexpr int64_t kMostOthers = 100;  ///< cases that did not pass
  static constexpr size_t kMostComplaints = 50;

  /// A folder or file with results; rows from here on are its.
  void begin_run(const std::string& path);
  void add(Row&& row);
  void complain(const std::string& text);
  bool empty() const { return rows_ == 0; }

  /// The JSON that the page shows; once. `page_bytes`: of the page without it.
  std::string take(const Traces& traces, int64_t page_bytes);

 private:
  struct Run {
    std::string path;
    std::map<std::string, int64_t> statuses;
    std::map<std::string, std::map<std::string, int64_t>> environment;  ///< key -> value -> rows
  };

  void add_environment(const Row& row);
  Row runs_json() const;

  std::vector<Run> runs_;
  std::vector<ReportCase> cases_;
  std::vector<std::string> complaints_;
  int64_t more_complaints_ = 0;
  int64_t rows_ = 0;
  int64_t passed_ = 0;
  int64_t others_ = 0;
};

}  // namespace ringfold
