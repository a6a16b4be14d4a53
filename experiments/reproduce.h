#pragma once

#include "experiments/case.h"

#include <map>
#include <string>
#include <vector>

namespace ringfold {

/// "./dev run FILE key=value ...", quoted for a shell.
std::string run_command_text(const std::string& file, const std::vector<std::string>& overrides);

/// How to run one case of an experiment again: the same id, without its sweep.
class Reproducer {
 public:
  /// `experiment` is what `file` with `overrides` says.
  Reproducer(const std::string& file, const std::vector<std::string>& overrides, const Experiment& experiment);

  /// A shell command that runs just this case.
  std::string command(const Case& item) const;
  /// What tells the case from the others: "naive_ring sp=4".
  std::string label(const Case& item) const;

 private:
  std::string file_;
  std::vector<std::string> overrides_;
  std::vector<std::string> keys_;              ///< dotted keys that differ between cases by the file's own words
  std::map<std::string, std::string> labels_;  ///< by id
};

}  // namespace ringfold
