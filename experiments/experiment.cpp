#include "experiments/experiment.h"

#include "experiments/make_case.h"
#include "experiments/rounds.h"
#include "experiments/safetensors.h"
#include "experiments/sha256.h"
#include "experiments/shape_checks.h"
#include "experiments/spec.h"
#include "experiments/tree_edit.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <set>
#include <tuple>

namespace ringfold {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Each combination of a sweep copies the tree; so many nodes take about a second.
constexpr int64_t kMaxSweptNodes = 4'000'000;
// After so many combinations with a fault, the others hardly say more.
constexpr int64_t kFaultyCombinations = 256;

/// Makes the cases of one experiment. Errors are collected; cases count only if there are none.
class Builder {
 public:
  Builder(const std::string& file, const Vocabulary& words, Diagnostics& diagnostics)
      : folder_(fs::path(file).parent_path()), words_(words), diagnostics_(diagnostics) {}

  Experiment take() { return std::move(experiment_); }

  json check(const YamlNode& root) {
    json values = validate_tree(root, words_, diagnostics_);
    check_shapes(values, root, diagnostics_);
    return values;
  }

  /// Adds the cases of one combination of the sweep: one for each strategy.
  void add_cases(const YamlNode& root) {
    json values = check(root);
    if (values.contains("name")) experiment_.name = values["name"].get<std::string>();
    if (!diagnostics_.empty()) return;
    const std::string input_path = resolve_inputs(values, root);
    if (!diagnostics_.empty()) return;
    const json strategies = values.at("strategies");
    for (const json& strategy : strategies) {
      values["strategies"] = json::array({strategy});
      Case c = make_case(values, input_path, words_);
      if (!input_path.empty()) check_inputs(c, root);
      if (!ids_.insert(c.id).second) continue;
      for (Case& one : split_rounds(std::move(c))) experiment_.cases.push_back(std::move(one));
    }
  }

 private:
  /// Completes `inputs`; the path of the input file as it can be opened, or nothing for generated inputs.
  std::string resolve_inputs(json& values, const YamlNode& root) {
    json& inputs = values.at("inputs");
    if (!inputs.contains("file")) return "";
    inputs.erase("generate");
    inputs.erase("seed");
    const YamlNode& node = *root.find("inputs")->find("file");
    fs::path path = node.text;
    if (node.mark.override_number == 0) {
      path = folder_ / path;
    } else if (path.is_relative()) {
      inputs["file"] = fs::proximate(path, folder_.empty() ? "." : folder_).generic_string();
    }
    try {
      const std::string& digest = digest_of(path.string());
      if (inputs.contains("digest") && inputs["digest"] != digest) {
        diagnostics_.add(root.find("inputs")->find("digest")->mark,
                         fmt::format("inputs.digest: {} has another content, SHA-256 {}", path.string(), digest));
      }
      inputs["digest"] = digest;
    } catch (const Error& error) {
      diagnostics_.add(node.mark, fmt::format("inputs.file: {}", error.what()));
    }
    return path.string();
  }

  void check_inputs(const Case& c, const YamlNode& root) {
    try {
      check_input_file(c.inputs.file, c.problem);
      const std::optional<BadValue>& bad = bad_value_of(c.inputs.file, c.problem);
      RINGFOLD_CHECK(!bad, ExitCode::configuration, "{}: {}", c.inputs.file, describe(*bad, c.problem));
    } catch (const Error& error) {
      diagnostics_.add(root.find("inputs")->find("file")->mark, fmt::format("inputs.file: {}", error.what()));
    }
  }

  const std::string& digest_of(const std::string& path) {
    const auto known = digests_.find(path);
    if (known != digests_.end()) return known->second;
    read_safetensors_header(path);  // a fault of the file is better said than its digest
    return digests_[path] = sha256_hex_of_file(path);
  }

  /// Looked for once, however many cases read the file.
  const std::optional<BadValue>& bad_value_of(const std::string& path, const Problem& problem) {
    std::string layer;  // which tokens Q is projected of
    if (problem.layer) {
      for (const Sequence& sequence : problem.sequences)
        layer += fmt::format("{}+{} ", sequence.cached, sequence.query);
    }
    const std::tuple key(path, problem.dtype, layer);
    const auto known = bad_values_.find(key);
    if (known != bad_values_.end()) return known->second;
    return bad_values_[key] = find_bad_value(path, problem);
  }

  fs::path folder_;
  const Vocabulary& words_;
  Diagnostics& diagnostics_;
  Experiment experiment_;
  std::set<std::string> ids_;
  std::map<std::string, std::string> digests_;
  std::map<std::tuple<std::string, DType, std::string>, std::optional<BadValue>> bad_values_;
};

struct Sweep {
  const YamlNode& root;  // without the sweep
  std::vector<SweepAxis> axes;
  Diagnostics& diagnostics;

  YamlNode tree_of(int64_t combination) const {
    YamlNode tree = root;
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {  // the last key turns fastest
      const auto values = static_cast<int64_t>(axis->values.size());
      set_value(tree, axis->key, axis->values[static_cast<size_t>(combination % values)], diagnostics);
      combination /= values;
    }
    return tree;
  }

  /// Each value once, beside the first values of the other keys: faults of single values show in a sum, not a product.
  template <typename Visit>
  void visit_values(const Visit& visit) const {
    visit(tree_of(0));
    int64_t step = 1;
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
      const auto values = static_cast<int64_t>(axis->values.size());
      for (int64_t value = 1; value < values && !diagnostics.full(); ++value) visit(tree_of(value * step));
      step *= values;
    }
  }
};

int64_t combinations_of(const std::vector<SweepAxis>& axes, const YamlNode& root, Diagnostics& diagnostics) {
  int64_t combinations = 1;
  const YamlNode* strategies = root.find("strategies");
  const int64_t per_combination =
      strategies == nullptr ? 1 : std::max<int64_t>(1, static_cast<int64_t>(strategies->items.size()));
  if (per_combination > kMaxCases) {
    diagnostics.add(strategies->mark,
                    fmt::format("strategies: {} of them; allowed: at most {} cases", per_combination, kMaxCases));
    return 0;
  }
  for (const SweepAxis& axis : axes) {
    combinations *= static_cast<int64_t>(axis.values.size());
    if (combinations * per_combination > kMaxCases) {
      diagnostics.add(axis.key.marks.front(), fmt::format("the sweep makes more than {} cases", kMaxCases));
      return 0;
    }
  }
  const int64_t nodes = combinations * static_cast<int64_t>(count_nodes(root));
  if (combinations > 1 && nodes > kMaxSweptNodes) {
    diagnostics.add(axes.front().key.marks.front(),
                    fmt::format("the sweep repeats this long file too often: {} values in all; allowed: {}", nodes,
                                kMaxSweptNodes));
    return 0;
  }
  return combinations;
}

}  // namespace

Experiment parse_experiment(std::string_view text, const std::string& file, std::span<const std::string> overrides,
                            const Vocabulary& words) {
  Diagnostics diagnostics;
  YamlNode root = parse_yaml(text, file);
  if (root.kind == YamlNode::Kind::map) apply_overrides(root, overrides, diagnostics);
  const Sweep sweep{root, take_sweep(root, diagnostics), diagnostics};
  const int64_t combinations = combinations_of(sweep.axes, root, diagnostics);

  Builder builder(file, words, diagnostics);
  if (combinations == 0) builder.check(sweep.tree_of(0));  // too many: what is wrong besides
  if (combinations > 0) sweep.visit_values([&](const YamlNode& tree) { builder.check(tree); });
  diagnostics.throw_if_any(file);
  int64_t faulty = 0;
  for (int64_t combination = 0; combination < combinations && faulty < kFaultyCombinations; ++combination) {
    builder.add_cases(sweep.tree_of(combination));
    if (!diagnostics.empty()) ++faulty;
  }
  diagnostics.throw_if_any(file);
  return builder.take();
}

Experiment load_experiment(const std::string& path, std::span<const std::string> overrides, const Vocabulary& words) {
  return parse_experiment(read_yaml_text(path), path, overrides, words);
}

}  // namespace ringfold
