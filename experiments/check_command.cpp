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

namespace {

/// How many cases have a reason, and the first of them.
void tell(const Experiment& experiment, std::string Case::* reason, std::string_view what) {
  const auto has_reason = [&](const Case& item) { return !(item.*reason).empty(); };
  const auto first = std::find_if(experiment.cases.begin(), experiment.cases.end(), has_reason);
  if (first == experiment.cases.end()) return;
  fmt::print("  {} {}: {}\n", std::count_if(first, experiment.cases.end(), has_reason), what, (*first).*reason);
}

}  // namespace

ExitCode check_command(const CheckOptions& options) {
  if (options.schema) {
    fmt::print("{}\n", json_schema(built_vocabulary()).dump(2));
    return ExitCode::ok;
  }
  RINGFOLD_CHECK(!options.file.empty(), ExitCode::usage, "check needs a FILE (see ringfold check --help)");
  const Experiment experiment = load_experiment(options.file, options.overrides, built_vocabulary());
  const size_t count = experiment.cases.size();
  fmt::print("{}: valid, {} case{}\n", options.file, count, count == 1 ? "" : "s");
  tell(experiment, &Case::unsupported_reason, "can be neither planned nor run");
  tell(experiment, &Case::unbuilt_backend, "can be planned, but not run");
  return ExitCode::ok;
}

}  // namespace ringfold
