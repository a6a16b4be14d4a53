#include "experiments/tree_edit.h"

#include "experiments/spec.h"

#include <algorithm>

namespace ringfold {

namespace {

/// The item that a part of a key means, or null (reported).
YamlNode* item_of(YamlNode& list, const DottedKey& key, size_t part, Diagnostics& diagnostics) {
  int64_t index = 0;
  const bool is_index = parse_integer(key.parts[part], index).empty();
  if (is_index && index >= 0 && index < static_cast<int64_t>(list.items.size())) {
    return &list.items[static_cast<size_t>(index)];
  }
  diagnostics.add(key.marks[part], list.items.empty()
                                       ? fmt::format("{} is no index of an empty list", in_quotes(key.parts[part]))
                                       : fmt::format("{} is no index of this list; allowed: 0 to {}",
                                                     in_quotes(key.parts[part]), list.items.size() - 1));
  return nullptr;
}

YamlNode* child_of(YamlNode& node, const DottedKey& key, size_t part, Diagnostics& diagnostics) {
  if (node.kind == YamlNode::Kind::list) return item_of(node, key, part, diagnostics);
  if (node.kind != YamlNode::Kind::map) node = {.kind = YamlNode::Kind::map, .mark = key.marks[part]};
  if (YamlEntry* entry = node.find_entry(key.parts[part])) return &entry->value;
  node.entries.push_back({key.parts[part], key.marks[part], {.mark = key.marks[part]}});
  return &node.entries.back().value;
}

/// Removes from the tree's sweep what an override has settled.
void drop_from_sweep(YamlNode& root, const DottedKey& key) {
  YamlEntry* sweep = root.find_entry("sweep");
  if (sweep == nullptr || sweep->value.kind != YamlNode::Kind::map) return;
  std::erase_if(sweep->value.entries, [&](const YamlEntry& entry) {
    Diagnostics ignored;  // faulty keys stay, to be reported where the sweep is read
    const DottedKey swept = parse_dotted_key(entry.key, entry.key_mark, ignored);
    return !swept.parts.empty() && overlaps(swept, key);
  });
}

void apply_override(YamlNode& root, const std::string& text, int number, Diagnostics& diagnostics) {
  const Mark start{number, 1, 1};
  const size_t equals = text.find('=');
  if (equals == text.npos || equals == 0) {
    diagnostics.add(start, fmt::format("{} is not of the form key=value", in_quotes(text)));
    return;
  }
  Diagnostics faults_of_key;
  check_yaml_bytes(std::string_view(text).substr(0, equals), start, faults_of_key);
  DottedKey key = parse_dotted_key(std::string_view(text).substr(0, equals), start, diagnostics);
  YamlNode value;
  try {
    faults_of_key.throw_if_any("");
    value = parse_yaml(std::string_view(text).substr(equals + 1), "", {number, 1, static_cast<int>(equals) + 2});
  } catch (const ConfigurationError& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) diagnostics.add(diagnostic.mark, diagnostic.message);
    return;
  }
  if (key.parts.empty()) return;
  if (key.parts.front() == "sweep" && key.parts.size() > 1) {
    key = {{"sweep", text.substr(6, equals - 6)}, {key.marks[0], key.marks[1]}};
  } else if (key.parts.front() != "sweep") {
    drop_from_sweep(root, key);
  }
  set_value(root, key, value, diagnostics);
}

}  // namespace

DottedKey parse_dotted_key(std::string_view text, const Mark& mark, Diagnostics& diagnostics) {
  DottedKey key;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find('.', begin), text.size());
    if (end == begin) {
      diagnostics.add(mark, fmt::format("{} is not a dotted key such as problem.heads.dim", in_quotes(text)));
      return {};
    }
    key.parts.emplace_back(text.substr(begin, end - begin));
    key.marks.push_back({mark.override_number, mark.line, mark.column + static_cast<int>(begin)});
    begin = end + 1;
  }
  if (key.parts.size() > static_cast<size_t>(kYamlMaxDepth)) {
    diagnostics.add(mark, fmt::format("a key of more than {} parts", kYamlMaxDepth));
    return {};
  }
  return key;
}

bool overlaps(const DottedKey& a, const DottedKey& b) {
  const size_t common = std::min(a.parts.size(), b.parts.size());
  return std::equal(a.parts.begin(), a.parts.begin() + static_cast<std::ptrdiff_t>(common), b.parts.begin());
}

void set_value(YamlNode& root, const DottedKey& key, const YamlNode& value, Diagnostics& diagnostics) {
  YamlNode* node = &root;
  for (size_t part = 0; part < key.parts.size(); ++part) {
    node = child_of(*node, key, part, diagnostics);
    if (node == nullptr) return;
  }
  *node = value;
}

const YamlNode& node_at(const YamlNode& root, std::span<const std::string> path) {
  const YamlNode* node = &root;
  for (const std::string& part : path) {
    const YamlNode* next = node->find(part);
    if (node->kind == YamlNode::Kind::list) {
      int64_t index = 0;
      const bool is_index = parse_integer(part, index).empty() && index < static_cast<int64_t>(node->items.size());
      next = is_index ? &node->items[static_cast<size_t>(index)] : nullptr;
    }
    if (next == nullptr) break;
    node = next;
  }
  return *node;
}

void apply_overrides(YamlNode& root, std::span<const std::string> overrides, Diagnostics& diagnostics) {
  for (size_t i = 0; i < overrides.size(); ++i) {
    apply_override(root, overrides[i], static_cast<int>(i) + 1, diagnostics);
  }
}

std::vector<SweepAxis> take_sweep(YamlNode& root, Diagnostics& diagnostics) {
  const YamlEntry* sweep = root.find_entry("sweep");
  if (sweep == nullptr) return {};
  const YamlNode map = sweep->value;
  root.erase("sweep");
  if (map.kind != YamlNode::Kind::map) {
    diagnostics.add(map.mark, fmt::format("sweep: {}; allowed: {}", what_it_is(map), allowed_text(*find_key("sweep"))));
    return {};
  }
  std::vector<SweepAxis> axes;
  for (const YamlEntry& entry : map.entries) {
    SweepAxis axis{parse_dotted_key(entry.key, entry.key_mark, diagnostics), entry.value.items};
    if (axis.key.parts.empty()) continue;
    if (entry.value.kind != YamlNode::Kind::list || axis.values.empty()) {
      diagnostics.add(entry.value.mark, fmt::format("sweep of {}: {}; allowed: a list with at least one value",
                                                    in_quotes(entry.key), what_it_is(entry.value)));
      continue;
    }
    if (axis.key.parts.front() == "name" || axis.key.parts.front() == "sweep") {
      diagnostics.add(entry.key_mark, fmt::format("{} cannot be swept", in_quotes(entry.key)));
      continue;
    }
    const auto twin =
        std::find_if(axes.begin(), axes.end(), [&](const SweepAxis& other) { return overlaps(axis.key, other.key); });
    if (twin != axes.end()) {
      diagnostics.add(entry.key_mark,
                      fmt::format("sweep of {} overlaps another key of the sweep", in_quotes(entry.key)));
      continue;
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

}  // namespace ringfold
