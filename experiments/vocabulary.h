#pragma once

#include "lib/kernel.h"
#include "lib/options.h"
#include "lib/passes.h"
#include "lib/strategy.h"
#include "lib/transport.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// A strategy, transport or kernel that a file may name.
struct KnownName {
  std::string name;
  std::string unbuilt;              ///< why its cases are skipped; empty if it is built
  std::vector<OptionSpec> options;  ///< strategies only; an unbuilt one takes any options
};

/// The names that a file may use: those of this build, and those that are specified but not built yet.
struct Vocabulary {
  std::vector<KnownName> strategies;
  std::vector<KnownName> transports;
  std::vector<KnownName> kernels;
  std::vector<std::string> passes;
  std::vector<std::string> later_passes;  ///< those of them that ids leave out at their default
};

/// What the tables hold, and the names that the specification has beyond them.
Vocabulary make_vocabulary(std::span<const StrategyInfo> strategies, std::span<const TransportInfo> transports,
                           std::span<const KernelInfo> kernels, std::span<const Pass> passes);

/// Null if there is none of that name.
const KnownName* find_name(const std::vector<KnownName>& names, std::string_view name);
std::vector<std::string> names_of(const std::vector<KnownName>& names);

}  // namespace ringfold
