#include "experiments/reproduce.h"

#include "experiments/table.h"
#include "experiments/text.h"
#include "experiments/tree_edit.h"
#include "experiments/variation.h"
#include "experiments/yaml_tree.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace ringfold {
namespace {

/// The dotted keys that the experiment sweeps, once the overrides are applied.
std::vector<std::string> swept_keys(const std::string& file, const std::vector<std::string>& overrides) {
  Diagnostics ignored;  // the experiment has been read without errors
  YamlNode root = parse_yaml(read_yaml_text(file), file);
  apply_overrides(root, overrides, ignored);
  std::vector<std::string> keys;
  for (const SweepAxis& axis : take_sweep(root, ignored)) keys.push_back(joined(axis.key.parts, "."));
  return keys;
}

/// The value of a dotted key; null where the case has none.
const Row* value_at(const Row& json, const std::string& key) {
  const Row* value = &json;
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('.', begin), key.size());
    const std::string part = key.substr(begin, end - begin);
    if (value->is_array() && std::stoul(part) < value->size()) {
      value = &(*value)[std::stoul(part)];
    } else if (value->is_object() && value->contains(part)) {
      value = &(*value)[part];
    } else {
      return nullptr;
    }
    begin = end + 1;
  }
  return value;
}

/// As YAML says it on a command line: words without quotes where that is the same.
std::string yaml_text(const Row& value) {
  const std::string word = value.is_string() ? value.get<std::string>() : "";
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_letter) && word != "true" && word != "false" &&
      word != "null") {
    return word;
  }
  return value.dump();
}

}  // namespace

std::string run_command_text(const std::string& file, const std::vector<std::string>& overrides) {
  std::string text = "./dev run " + shell_quoted(file);
  for (const std::string& one : overrides) text += " " + shell_quoted(one);
  return text;
}

Reproducer::Reproducer(const std::string& file, const std::vector<std::string>& overrides, const Experiment& experiment)
    : file_(file), overrides_(overrides) {
  std::vector<Row> cases;
  std::set<std::string> strategies;
  for (const Case& item : experiment.cases) {
    cases.push_back(Row::parse(item.canonical));
    strategies.insert(cases.back()["strategies"].dump());
  }
  keys_ = swept_keys(file, overrides);
  const auto is_strategy = [](const std::string& key) { return key.rfind("strategies", 0) == 0; };
  const bool sweeps_strategies = std::any_of(keys_.begin(), keys_.end(), is_strategy);
  keys_.erase(std::remove_if(keys_.begin(), keys_.end(), is_strategy), keys_.end());
  if (strategies.size() > 1 || sweeps_strategies) keys_.push_back("strategies");

  const Variation variation = variation_of(cases);
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& item = experiment.cases[i];
    std::string label = strategy_label(item.strategy, item.options);
    for (size_t key = 0; key < variation.keys.size(); ++key) {
      label += fmt::format(" {}={}", variation.keys[key], variation.values[i][key]);
    }
    labels_[item.id] = label;
  }
}

std::string Reproducer::command(const Case& item) const {
  Row json = Row::parse(item.canonical);
  // On a command line, paths start at the current directory.
  if (!item.inputs.file.empty()) json["inputs"]["file"] = item.inputs.file;
  std::vector<std::string> overrides = overrides_;
  for (const std::string& key : keys_) {
    const Row* value = value_at(json, key);
    if (value != nullptr) overrides.push_back(key + "=" + yaml_text(*value));
  }
  return run_command_text(file_, overrides);
}

std::string Reproducer::label(const Case& item) const { return labels_.at(item.id); }

}  // namespace ringfold
