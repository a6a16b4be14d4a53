#include "experiments/commands.h"
#include "experiments/experiment.h"
#include "experiments/load.h"
#include "experiments/spec.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ringfold {

Vocabulary built_vocabulary() {
  return make_vocabulary(strategy_table(), transport_table(), kernel_table(), pass_table());
}

ExitCode check_command(const CheckOptions& options) {
  if (options.schema) {
    fmt::print("{}\n", json_schema(built_vocabulary()).dump(2));
    return ExitCode::ok;
  }
  RINGFOLD_CHECK(!options.file.empty(), ExitCode::usage, "check needs a FILE (see ringfold check --help)");
  const Experiment experiment = load_experiment(options.file, options.overrides, built_vocabulary());
  const auto unbuilt = std::count_if(experiment.cases.begin(), experiment.cases.end(),
                                     [](const Case& item) { return !item.unsupported_reason.empty(); });
  const size_t count = experiment.cases.size();
  fmt::print("{}: valid, {} case{}{}\n", options.file, count, count == 1 ? "" : "s",
             unbuilt == 0 ? "" : fmt::format(", {} of which would be skipped", unbuilt));
  for (const Case& item : experiment.cases) {
    if (item.unsupported_reason.empty()) continue;
    fmt::print("  first of them: {}\n", item.unsupported_reason);
    break;
  }
  return ExitCode::ok;
}

}  // namespace ringfold
