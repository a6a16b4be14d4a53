#include "experiments/commands.h"
#include "experiments/load.h"
#include "experiments/text.h"

#include <fmt/core.h>

#include <unistd.h>

namespace ringfold {
namespace {

/// A name, what it is, and whether this machine has it.
struct Entry {
  std::string name;
  std::string summary;
  std::string state;
};

std::string options_text(const std::vector<OptionSpec>& options) {
  std::string text;
  for (const OptionSpec& option : options) {
    text += fmt::format("\n    {}: {}  {}", option.name, joined(option.values, " | "), option.help);
  }
  return text;
}

template <typename Info>
std::vector<Entry> entries_of(std::span<const Info> table) {
  std::vector<Entry> entries;
  for (const Info& info : table) {
    const std::optional<std::string> missing = info.unavailable();
    entries.push_back({std::string(info.id), std::string(info.summary),
                       missing ? "unavailable: " + *missing : "available: " + info.describe()});
  }
  return entries;
}

std::vector<Entry> strategy_entries() {
  std::vector<Entry> entries;
  for (const StrategyInfo& info : strategy_table()) {
    entries.push_back({std::string(info.id), std::string(info.summary) + options_text(info.options()), ""});
  }
  return entries;
}

void print_entries(const std::vector<Entry>& entries, const std::vector<KnownName>& known) {
  const Style style = style_of(STDOUT_FILENO);
  for (const Entry& entry : entries) {
    fmt::print("{}{}{}\n    {}\n", style.best, entry.name, style.off, entry.summary);
    if (!entry.state.empty()) fmt::print("    {}\n", entry.state);
  }
  std::vector<std::string> unbuilt;
  for (const KnownName& name : known) {
    if (!name.unbuilt.empty()) unbuilt.push_back(name.name);
  }
  if (unbuilt.empty()) return;
  fmt::print("{}\n", wrapped("not built (their cases are skipped): " + joined(unbuilt, ", "), 80, 4));
}

}  // namespace

ExitCode list_command(const std::string& what) {
  const Vocabulary words = built_vocabulary();
  if (what == "strategies") {
    print_entries(strategy_entries(), words.strategies);
  } else if (what == "transports") {
    print_entries(entries_of(transport_table()), words.transports);
  } else if (what == "kernels") {
    print_entries(entries_of(kernel_table()), words.kernels);
  } else {
    throw Error(ExitCode::usage, fmt::format("cannot list '{}': strategies, transports or kernels", what));
  }
  return ExitCode::ok;
}

}  // namespace ringfold
