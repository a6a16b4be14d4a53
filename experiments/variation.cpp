#include "experiments/variation.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <unordered_map>
#include <utility>

namespace ringfold {
namespace {

using OnLeaf = std::function<void(const std::string& key, const Row& value)>;

/// What is no map and no list, with its dotted key. `key` is the prefix, and is so again at the end.
void walk(const Row& json, std::string& key, const OnLeaf& on_leaf) {
  if (!json.is_structured()) {
    on_leaf(key, json);
    return;
  }
  const size_t prefix = key.size();
  size_t index = 0;
  const auto walk_child = [&](const std::string& name, const Row& value) {
    if (prefix > 0) key += '.';
    key += name;
    walk(value, key, on_leaf);
    key.resize(prefix);
  };
  if (json.is_array()) {
    for (const Row& value : json) walk_child(std::to_string(index++), value);
  } else {
    for (const auto& [name, value] : json.get_ref<const Row::object_t&>()) walk_child(name, value);
  }
}

std::string text_of(const Row& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

bool is_same(const Row& a, const Row& b) { return (a.type() == b.type() && a == b) || text_of(a) == text_of(b); }

/// The last `words` words of a dotted key.
std::string ending(const std::string& key, size_t words) {
  size_t at = key.size();
  while (words-- > 0 && at != std::string::npos && at > 0) at = key.rfind('.', at - 1);
  return at == std::string::npos || at == 0 ? key : key.substr(at + 1);
}

std::vector<std::string> short_names(const std::vector<std::string>& keys) {
  std::vector<std::string> names;
  for (const std::string& key : keys) {
    size_t words = 1;
    const auto is_shared = [&] {
      return std::count_if(keys.begin(), keys.end(),
                           [&](const std::string& other) { return ending(other, words) == ending(key, words); }) > 1;
    };
    while (is_shared() && ending(key, words) != key) ++words;
    names.push_back(ending(key, words));
  }
  return names;
}

/// Whether the default of `scale`, which follows from another key.
bool is_usual_scale(const Row& problem) {
  const double dim = problem["heads"]["dim"].get<double>();
  return problem["scale"].get<double>() == 1.0 / std::sqrt(dim);
}

void walk_problem(const Row& problem, std::string& key, const OnLeaf& on_leaf) {
  int64_t tokens = 0;
  int64_t cached = 0;
  for (const Row& sequence : problem["sequences"]) {
    tokens += sequence["query"].get<int64_t>();
    cached += sequence["cached"].get<int64_t>();
  }
  for (const auto& [name, value] : problem.get_ref<const Row::object_t&>()) {
    if (name == "sequences" || name == "tokens" || name == "cached") continue;
    if (name == "scale" && is_usual_scale(problem)) continue;
    key = "problem." + name;
    walk(value, key, on_leaf);
  }
  on_leaf("problem.sequences", problem["sequences"].size());
  on_leaf("problem.tokens", tokens);
  on_leaf("problem.cached", cached);
}

/// The case without what the strategy decides or what follows from other keys, and its sequences as sums.
void walk_case(const Row& json, const OnLeaf& on_leaf) {
  std::string key;
  for (const auto& [name, value] : json.get_ref<const Row::object_t&>()) {
    if (name == "strategies" || name == "name") continue;
    key = name;
    if (name == "problem") {
      walk_problem(value, key, on_leaf);
    } else if (name == "inputs") {
      walk(value, key, [&](const std::string& leaf, const Row& of) {
        if (leaf != "inputs.digest") on_leaf(leaf, of);
      });
    } else {
      walk(value, key, on_leaf);
    }
  }
}

/// The keys with several values, in the order in which they are met; one that a case lacks counts as a value.
std::vector<std::string> varying_keys(const std::vector<const Row*>& cases) {
  struct Values {
    Row first;
    size_t cases = 0;
    bool differ = false;
  };
  std::unordered_map<std::string, Values> known;
  std::vector<std::string> order;
  for (const Row* json : cases) {
    const size_t before = order.size();
    walk_case(*json, [&](const std::string& key, const Row& value) {
      Values& values = known[key];
      if (values.cases++ == 0) {
        values.first = value;
        order.push_back(key);
      } else {
        values.differ = values.differ || !is_same(value, values.first);
      }
    });
    std::sort(order.begin() + static_cast<std::ptrdiff_t>(before), order.end());
  }
  std::erase_if(order, [&](const std::string& key) { return !known[key].differ && known[key].cases == cases.size(); });
  return order;
}

}  // namespace

Variation variation_of(const std::vector<const Row*>& cases) {
  const std::vector<std::string> keys = varying_keys(cases);
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < keys.size(); ++i) places[keys[i]] = i;
  Variation variation;
  for (const Row* json : cases) {
    // Walked twice: there may be many cases, and most of their keys are the same.
    std::vector<std::string>& values = variation.values.emplace_back(keys.size(), "-");
    walk_case(*json, [&](const std::string& key, const Row& value) {
      const auto found = places.find(key);
      if (found != places.end()) values[found->second] = text_of(value);
    });
  }
  variation.keys = short_names(keys);
  return variation;
}

Variation variation_of(const std::vector<Row>& cases) {
  std::vector<const Row*> pointers;
  for (const Row& json : cases) pointers.push_back(&json);
  return variation_of(pointers);
}

}  // namespace ringfold
