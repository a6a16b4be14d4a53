#include "experiments/variation.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace ringfold {
namespace {

using Leaves = std::map<std::string, std::string>;

void collect(const Row& json, const std::string& key, Leaves& leaves) {
  if (!json.is_structured()) {
    leaves[key] = json.is_string() ? json.get<std::string>() : json.dump();
    return;
  }
  size_t index = 0;
  for (const auto& [name, value] : json.items()) {
    const std::string child = json.is_array() ? std::to_string(index++) : name;
    collect(value, key.empty() ? child : key + "." + child, leaves);
  }
}

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

/// The case without what the strategy decides or what follows from other keys, and its sequences as sums.
Row without_strategy(Row json) {
  for (const char* key : {"strategies", "name"}) json.erase(key);
  if (json.contains("inputs")) json["inputs"].erase("digest");
  Row& problem = json["problem"];
  int64_t tokens = 0;
  int64_t cached = 0;
  for (const Row& sequence : problem["sequences"]) {
    tokens += sequence["query"].get<int64_t>();
    cached += sequence["cached"].get<int64_t>();
  }
  problem["sequences"] = problem["sequences"].size();
  problem["tokens"] = tokens;
  problem["cached"] = cached;
  const double dim = problem["heads"]["dim"].get<double>();
  if (problem.contains("scale") && problem["scale"].get<double>() == 1.0 / std::sqrt(dim)) problem.erase("scale");
  return json;
}

/// The keys with several values, in the order in which they are met; one that a case lacks counts as a value.
std::vector<std::string> varying_keys(const std::vector<const Row*>& cases) {
  struct Values {
    std::string first;
    size_t cases = 0;
    bool differ = false;
  };
  std::map<std::string, Values> known;
  std::vector<std::string> order;
  for (const Row* json : cases) {
    Leaves leaves;
    collect(without_strategy(*json), "", leaves);
    for (auto& [key, value] : leaves) {
      Values& values = known[key];
      if (values.cases++ == 0) {
        values.first = std::move(value);
        order.push_back(key);
      } else {
        values.differ = values.differ || value != values.first;
      }
    }
  }
  std::erase_if(order, [&](const std::string& key) { return !known[key].differ && known[key].cases == cases.size(); });
  return order;
}

}  // namespace

Variation variation_of(const std::vector<const Row*>& cases) {
  const std::vector<std::string> keys = varying_keys(cases);
  Variation variation;
  for (const Row* json : cases) {
    // Collected twice: there may be many cases, and most of their keys are the same.
    Leaves leaves;
    collect(without_strategy(*json), "", leaves);
    std::vector<std::string>& values = variation.values.emplace_back();
    for (const std::string& key : keys) values.push_back(leaves.contains(key) ? std::move(leaves[key]) : "-");
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
