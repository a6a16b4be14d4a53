#include "experiments/spec.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace ringfold {

namespace {

using nlohmann::json;

class StrategyValidator {
 public:
  StrategyValidator(const Vocabulary& words, Diagnostics& diagnostics) : words_(words), diagnostics_(diagnostics) {}

  json strategies_of(const YamlNode& node, const KeySpec& key) {
    if (node.kind != YamlNode::Kind::list || node.items.empty()) {
      diagnostics_.add(node.mark, fmt::format("{}: {}; allowed: {}", key.path, what_it_is(node), allowed_text(key)));
      return {};
    }
    json out = json::array();
    for (const YamlNode& item : node.items) {
      if (diagnostics_.full()) break;
      if (json value = strategy_of(item, key.path); !value.is_null()) out.push_back(std::move(value));
    }
    return out;
  }

  /// "name" or {"name": {options}}, always the latter in the result.
  json strategy_of(const YamlNode& item, std::string_view path) {
    static const YamlNode kNoOptions{.kind = YamlNode::Kind::map};
    if (item.kind == YamlNode::Kind::scalar) return strategy_named(item.text, item.mark, kNoOptions);
    if (item.kind == YamlNode::Kind::map && item.entries.size() == 1) {
      const YamlEntry& entry = item.entries.front();
      return strategy_named(entry.key, entry.key_mark, entry.value);
    }
    diagnostics_.add(
        item.mark,
        fmt::format("{}: {}; allowed: a name, or a map from one name to its options", path,
                    item.kind == YamlNode::Kind::map ? "got a map of more or fewer than one name" : what_it_is(item)));
    return {};
  }

 private:
  json strategy_named(const std::string& name, const Mark& mark, const YamlNode& options) {
    const KnownName* known = find_name(words_.strategies, name);
    if (known == nullptr) {
      const std::vector<std::string> names = names_of(words_.strategies);
      diagnostics_.add(mark, fmt::format("unknown strategy {}; {}allowed: {}", in_quotes(name), suggestion(name, names),
                                         join(names, ", ")));
      return {};
    }
    if (options.kind != YamlNode::Kind::map) {
      diagnostics_.add(options.mark, fmt::format("options of {}: {}; allowed: a map", name, what_it_is(options)));
      return {};
    }
    return {{name, options_of(*known, options)}};
  }

  json options_of(const KnownName& known, const YamlNode& options) {
    json out = json::object();
    std::vector<std::string> names;
    for (const OptionSpec& option : known.options) {
      names.push_back(option.name);
      out[option.name] = option.values.front();
    }
    for (const YamlEntry& entry : options.entries) {
      if (diagnostics_.full()) break;
      const auto option = std::find_if(known.options.begin(), known.options.end(),
                                       [&](const OptionSpec& o) { return o.name == entry.key; });
      if (option != known.options.end()) {
        check_option(known, *option, entry.value);
        out[entry.key] = entry.value.text;
      } else if (known.unbuilt.empty()) {
        diagnostics_.add(entry.key_mark,
                         fmt::format("unknown option {} of {}; {}allowed: {}", in_quotes(entry.key), known.name,
                                     suggestion(entry.key, names), names.empty() ? "none" : join(names, ", ")));
      } else if (entry.value.kind == YamlNode::Kind::scalar) {
        out[entry.key] = entry.value.text;
      } else {
        diagnostics_.add(entry.value.mark, fmt::format("option {} of {}: {}; allowed: a word", in_quotes(entry.key),
                                                       known.name, what_it_is(entry.value)));
      }
    }
    return out;
  }

  void check_option(const KnownName& known, const OptionSpec& option, const YamlNode& value) {
    const bool is_word = value.kind == YamlNode::Kind::scalar;
    if (is_word && std::find(option.values.begin(), option.values.end(), value.text) != option.values.end()) return;
    diagnostics_.add(value.mark,
                     fmt::format("option {} of {}: {}; {}allowed: {}", option.name, known.name, what_it_is(value),
                                 is_word ? suggestion(value.text, option.values) : "", join(option.values, " | ")));
  }

  const Vocabulary& words_;
  Diagnostics& diagnostics_;
};

}  // namespace

json validate_strategies(const YamlNode& node, const KeySpec& key, const Vocabulary& words, Diagnostics& diagnostics) {
  return StrategyValidator(words, diagnostics).strategies_of(node, key);
}

json validate_strategy(const YamlNode& node, std::string_view path, const Vocabulary& words, Diagnostics& diagnostics) {
  return StrategyValidator(words, diagnostics).strategy_of(node, path);
}

}  // namespace ringfold
