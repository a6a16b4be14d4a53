#include "experiments/yaml_tree.h"

#include <algorithm>

namespace ringfold {

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

YamlEntry* YamlNode::find_entry(std::string_view key) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

void YamlNode::erase(std::string_view key) {
  std::erase_if(entries, [&](const YamlEntry& entry) { return entry.key == key; });
}

std::string what_it_is(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null: return "has no value";
    case YamlNode::Kind::scalar: return fmt::format("got {}", in_quotes(node.text));
    case YamlNode::Kind::list: return node.items.empty() ? "got an empty list" : "got a list";
    case YamlNode::Kind::map: return "got a map";
  }
  RINGFOLD_INVARIANT(false, "node kind {}", static_cast<int>(node.kind));
}

size_t count_nodes(const YamlNode& node) {
  size_t nodes = 1;
  for (const YamlNode& item : node.items) nodes += count_nodes(item);
  for (const YamlEntry& entry : node.entries) nodes += count_nodes(entry.value);
  return nodes;
}

}  // namespace ringfold
