#pragma once

#include "lib/options.h"
#include "lib/schedule.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// A way to spread one attention over the ranks of a group: a pure function from problem to schedule.
/// It names no transport, kernel or buffer; passes and the executor see to those.
class Strategy {
 public:
  virtual ~Strategy() = default;

  /// Why this problem cannot be planned (naming the key at fault), or nothing if it can.
  virtual std::optional<std::string> supports(const Problem&, const Group&) const { return std::nullopt; }

  /// One program for each rank of the group, in the strategy's native placement (placement.h adds others).
  /// Requires supports(). Peers are group indices 0 .. group.ranks - 1; heads are numbered over the whole problem.
  virtual std::vector<Program> plan(const Problem& problem, const Group& group) const = 0;
};

struct StrategyInfo {
  std::string_view id;
  std::string_view summary;
  std::vector<OptionSpec> (*options)();
  std::unique_ptr<Strategy> (*make)(const Options&);
};

/// All strategies of this build, in the order of strategies/meson.build.
std::span<const StrategyInfo> strategy_table();
/// Null if there is none of that name.
const StrategyInfo* find_strategy(std::string_view id);

}  // namespace ringfold

/// The last line of strategies/<id>.cpp, at global scope. Class has a constructor from Options and a static
/// std::vector<OptionSpec> options(). The build makes the table from its list of ids.
#define RINGFOLD_STRATEGY(id, Class, summary)                                                                          \
  extern const ::ringfold::StrategyInfo strategy_info_##id;                                                            \
  const ::ringfold::StrategyInfo strategy_info_##id = {                                                                \
      #id, summary, &Class::options, [](const ::ringfold::Options& options) -> std::unique_ptr<::ringfold::Strategy> { \
        return std::make_unique<Class>(options);                                                                       \
      }};
