#pragma once

#include "lib/assumed_rates.h"
#include "lib/inputs.h"
#include "lib/judge.h"
#include "lib/kernel.h"
#include "lib/options.h"
#include "lib/ranks.h"
#include "lib/schedule.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// A strategy with its options; every combination of option values of every strategy of the build.
struct Variant {
  std::string strategy;
  Options options;
  std::string text() const;
};
std::vector<Variant> all_variants();

/// As the program makes them: with a layer, projected.
std::unique_ptr<InputSource> generated_inputs(const Problem& problem, InputKind kind, uint64_t seed);

/// Plans, proves, runs all passes, proves each result. Empty (no ranks) where the strategy refuses the problem; throws
/// Error(refuted) with the finding where a proof fails.
Schedule proved_plan(const Variant& variant, const Problem& problem, const Cluster& cluster,
                     const AssumedRates& rates = {});

/// Wraps a rank's transport; what it returns lives as long as the rank.
using WrapTransport = std::function<std::unique_ptr<Transport>(RankContext&)>;

using WrapKernel = std::function<std::unique_ptr<Kernel>(std::unique_ptr<Kernel>)>;

/// What running a schedule gave.
struct Outcome {
  std::vector<float> out;           ///< [query token][query head][dim] by global token
  std::vector<float> lse;           ///< [query token][query head]
  std::vector<int64_t> sent_bytes;  ///< per rank, as recorded at the transport
  std::vector<int64_t> peak_bytes;  ///< per rank, as seen by the allocator
  std::string failure;              ///< of the numeric criterion; empty if it passes
  bool operator==(const Outcome&) const = default;
};

/// How to run it; the defaults run on in_process with cpu_fast.
struct Execution {
  std::string_view transport = "in_process";
  std::string_view kernel = "cpu_fast";
  WrapTransport wrap;
  WrapKernel wrap_kernel;
  int repeats = 1;
  /// Fills every byte of the arenas but the inputs with NaN first.
  bool poison = false;
  /// Attends write O and LSE themselves where they may, before they have read all their operands.
  bool finishes = false;
};

/// Runs every rank and judges its rows. Throws the group's first error.
Outcome run(const Schedule& schedule, const InputSource& inputs, const Judge& judge, const Execution& execution);

}  // namespace ringfold
