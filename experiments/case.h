#pragma once

#include "lib/options.h"
#include "lib/problem.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringfold {

/// Where Q, K and V come from: a generator with its seed, or a safetensors file.
struct Inputs {
  std::string generate;  ///< gauss | peaked | count | needle; empty: read the file
  int64_t seed = 0;
  std::string file;    ///< ready to open (absolute, or relative to the current directory)
  std::string digest;  ///< SHA-256 of the file's bytes, 64 hex digits
  bool operator==(const Inputs&) const = default;
};

/// One of a case's forwards in turn.
struct RoundSpec {
  std::vector<int64_t> query;  ///< new tokens of each sequence
  std::string strategy;        ///< its own, or the case's
  Options options{};           ///< all options of the strategy
};

struct Measure {
  int64_t warmup = 0;
  int64_t repeats = 1;
  int64_t threads = 1;  ///< within a rank
  double reference_seconds = 0;
  double deadline_seconds = 0;
  bool ideal = false;
  double min_seconds = 0;
  std::optional<double> confidence{};
  bool operator==(const Measure&) const = default;
};

/// One thing to run: an experiment with one strategy, sweep applied, defaults filled in. A plain value.
struct Case {
  Problem problem;
  Cluster cluster;
  std::string strategy;
  Options options;  ///< all options of the strategy
  std::string transport;
  std::string kernel;
  Inputs inputs;
  Measure measure;
  bool cuda_graph = true;              ///< a rank's program may be recorded
  std::map<std::string, bool> passes;  ///< pass -> is it on; all passes of this build

  /// All rounds, and which of them this is; null if there are none.
  std::shared_ptr<const std::vector<RoundSpec>> rounds{};
  std::optional<int64_t> round{};

  /// Why it can be neither planned nor run: something that files may say of problem and strategy, but that is not built
  /// yet or does not go together. Empty if all is well.
  std::string unsupported_reason;
  /// Why it can be planned but not run: its transport or kernel is not built yet. Whether this machine has those that
  /// are built, and whether they take the problem, is asked elsewhere.
  std::string unbuilt_backend;

  /// The whole case as compact JSON with sorted keys: no name, one strategy, paths as the file says them.
  /// With a `name` added, it is an experiment with just this case. In a round it has that one's `sequences` as well.
  std::string canonical;
  std::string id;  ///< first 16 hex digits of SHA-256 of `canonical`; of a round followed by -r and its number
};

struct Experiment {
  std::string name;
  std::vector<Case> cases;  ///< in the order of the sweep, strategies innermost; each id once
};

}  // namespace ringfold
