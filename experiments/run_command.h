#pragma once

#include "lib/error.h"

#include <string>
#include <vector>

namespace ringfold {

struct RunOptions {
  std::string file;
  std::vector<std::string> overrides;
  std::string out;  ///< empty: a new folder under results/
  bool resume = false;
  bool save_outputs = false;
  bool save_inputs = false;
  std::string timeline;  ///< file, or empty
};

/// Throws Error(usage) for what is wrong with them whatever the file says.
void check_run_options(const RunOptions& options);
/// `ringfold run`: writes results, prints the table on standard output, progress on standard error.
ExitCode run_command(const RunOptions& options);

}  // namespace ringfold
