#pragma once

#include "experiments/report_gantt.h"

#include <map>
#include <string>
#include <vector>

namespace ringfold {

/// What was measured, from Chrome traces that `ringfold run --timeline` has written, by the cases' ids.
class Traces {
 public:
  /// Reads one file, an event at a time. Returns a complaint if it is no such trace, or if parts are left out; else an
  /// empty text.
  std::string read(const std::string& path);
  /// Null if there is none.
  const Gantt* find(const std::string& id) const;

 private:
  std::map<std::string, Gantt> cases_;
};

/// Is it worth reading as a trace: does the file begin like one?
bool looks_like_trace(const std::string& path);

}  // namespace ringfold
