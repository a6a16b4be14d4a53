#include "experiments/variation.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

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

}  // namespace

Variation variation_of(const std::vector<Row>& cases) {
  std::vector<Leaves> leaves(cases.size());
  std::vector<std::string> order;
  for (size_t i = 0; i < cases.size(); ++i) {
    collect(without_strategy(cases[i]), "", leaves[i]);
    for (const auto& [key, value] : leaves[i]) {
      if (std::find(order.begin(), order.end(), key) == order.end()) order.push_back(key);
    }
  }
  Variation variation;
  variation.values.resize(cases.size());
  std::vector<std::string> keys;
  for (const std::string& key : order) {
    std::set<std::string> values;
    for (const Leaves& of_case : leaves) values.insert(of_case.count(key) > 0 ? of_case.at(key) : "-");
    if (values.size() > 1) keys.push_back(key);
  }
  for (const std::string& key : keys) {
    for (size_t i = 0; i < cases.size(); ++i) {
      variation.values[i].push_back(leaves[i].count(key) > 0 ? leaves[i].at(key) : "-");
    }
  }
  variation.keys = short_names(keys);
  return variation;
}

}  // namespace ringfold
