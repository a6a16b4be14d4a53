#include "experiments/table.h"
#include "experiments/text.h"
#include "lib/strategy.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace ringfold {
namespace {

/// New and cached tokens, where they are the same in all rows.
std::string tokens_text(const std::vector<Row>& rows) {
  const Row& sequences = rows.front()["case"]["problem"]["sequences"];
  const auto differs = [&](const Row& row) { return row["case"]["problem"]["sequences"] != sequences; };
  if (std::any_of(rows.begin(), rows.end(), differs)) return "";
  int64_t tokens = 0;
  int64_t cached = 0;
  for (const Row& sequence : sequences) {
    tokens += sequence["query"].get<int64_t>();
    cached += sequence["cached"].get<int64_t>();
  }
  return fmt::format("{} tokens{} in {} sequence{}", count_text(tokens),
                     cached == 0 ? "" : fmt::format(" ({} more cached)", count_text(cached)), sequences.size(),
                     sequences.size() == 1 ? "" : "s");
}

std::string label_of(const std::string& strategy, const Row& said) {
  Options options;
  for (const auto& [name, value] : said.items()) options[name] = value.get<std::string>();
  return strategy_label(strategy, options);
}

}  // namespace

std::string strategy_label(const std::string& strategy, const Options& options) {
  std::string label = strategy;
  const StrategyInfo* info = find_strategy(strategy);
  const std::vector<OptionSpec> specs = info != nullptr ? info->options() : std::vector<OptionSpec>();
  for (const auto& [name, value] : options) {
    const auto is_default = [&, option = name, chosen = value](const OptionSpec& spec) {
      return spec.name == option && !spec.values.empty() && spec.values.front() == chosen;
    };
    if (std::none_of(specs.begin(), specs.end(), is_default)) label += fmt::format(" {}={}", name, value);
  }
  return label;
}

std::string strategy_label(const Row& row) {
  std::string label = label_of(row["strategy"].get<std::string>(), row["options"]);
  const Row::json_pointer place("/case/strategies/0");
  if (!row.contains("round") || !row.contains(place)) return label;
  const Row& of_case = row[place];
  const std::string before = of_case.is_string()
                                 ? of_case.get<std::string>()
                                 : label_of(of_case.items().begin().key(), of_case.items().begin().value());
  return before == label ? label : fmt::format("{} after {}", label, before);
}

std::string common_text(const std::vector<Row>& rows) {
  std::vector<std::string> parts;
  // A value that is `usual` goes without saying.
  const auto same = [&](const char* pointer, const char* format, const std::string& usual = "") {
    const Row::json_pointer place(pointer);
    const Row& first = rows.front()["case"];
    const auto differs = [&](const Row& row) {
      return !row["case"].contains(place) || row["case"][place] != first[place];
    };
    if (!first.contains(place) || std::any_of(rows.begin(), rows.end(), differs)) return;
    const Row& value = first[place];
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text != usual && !value.is_object()) parts.push_back(fmt::format(fmt::runtime(format), text));
  };
  const auto tokens = tokens_text(rows);
  if (!tokens.empty()) parts.push_back(tokens);
  same("/problem/heads/query", "{} query heads");
  same("/problem/heads/kv", "{} kv heads");
  same("/problem/heads/dim", "dim {}");
  same("/problem/mask", "{}");
  same("/problem/mask/window", "window {}");
  same("/problem/softcap", "softcap {}");
  same("/problem/rope/style", "rope {}");
  same("/problem/kv/page_size", "pages of {}");
  same("/problem/layer/hidden", "hidden {}");
  same("/problem/layer/source", "{}");
  same("/problem/dtype", "{}");
  same("/cluster/sp", "sp {}");
  same("/cluster/tp", "tp {}", "1");
  same("/transport", "{}");
  same("/kernel", "{}");
  same("/measure/threads", "{} threads a rank", "1");
  return joined(parts, ", ");
}

}  // namespace ringfold
