#include "experiments/spec.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <regex>

namespace ringfold {

namespace {

using nlohmann::json;

constexpr const char* kWithoutQuotes = "write it without quotes; ";
constexpr size_t kMaxTextBytes = 4096;  // the longest path; std::regex is recursive

YamlNode default_of(const KeySpec& key) {
  if (key.default_text == "{}") return {.kind = YamlNode::Kind::map};
  return {.kind = YamlNode::Kind::scalar, .text = std::string(key.default_text)};
}

/// Walks a tree along the table. Each function returns the value as JSON, null if it is faulty (and reported).
class Validator {
 public:
  Validator(const Vocabulary& words, Diagnostics& diagnostics) : words_(words), diagnostics_(diagnostics) {}

  json map_of(const YamlNode& node, std::string_view path) {
    const std::vector<const KeySpec*> keys = keys_under(path);
    json out = json::object();
    for (const YamlEntry& entry : node.entries) {
      if (diagnostics_.full()) return out;
      const auto known =
          std::find_if(keys.begin(), keys.end(), [&](const KeySpec* key) { return last_part(key->path) == entry.key; });
      if (known == keys.end()) {
        unknown_key(entry, path, keys);
      } else if (json value = value_of(entry.value, **known); !value.is_null()) {
        out[entry.key] = std::move(value);
      }
    }
    for (const KeySpec* key : keys) {
      const std::string name(last_part(key->path));
      if (node.find(name) != nullptr) continue;
      if (key->is_required && !is_replaced(node, *key)) {
        diagnostics_.add(node.mark, fmt::format("{} is missing; it takes {}", shown(*key), allowed_text(*key)));
      } else if (!key->is_required && !key->default_text.empty()) {
        out[name] = value_of(default_of(*key), *key);
      }
    }
    return out;
  }

 private:
  json value_of(const YamlNode& node, const KeySpec& key) {
    switch (key.type) {
      case KeyType::map: return node.kind == YamlNode::Kind::map ? map_of(node, key.path) : refuse(node, key);
      case KeyType::list: return list_of(node, key);
      case KeyType::integer: return integer_of(node, key);
      case KeyType::integers: return integers_of(node, key);
      case KeyType::number: return number_of(node, key);
      case KeyType::boolean: return boolean_of(node, key);
      case KeyType::word: return word_of(node, key);
      case KeyType::text: return text_of(node, key);
      case KeyType::strategy: return validate_strategy(node, shown(key), words_, diagnostics_);
      case KeyType::strategies: return validate_strategies(node, key, words_, diagnostics_);
      case KeyType::transport: return name_of(node, key, words_.transports);
      case KeyType::kernel: return name_of(node, key, words_.kernels);
      case KeyType::passes: return passes_of(node, key);
      case KeyType::sweep: return json();  // applied before; see sweep.cpp
    }
    RINGFOLD_INVARIANT(false, "key type {}", static_cast<int>(key.type));
  }

  static bool is_text(const YamlNode& node) { return node.kind == YamlNode::Kind::scalar && !node.text.empty(); }
  static bool is_plain(const YamlNode& node) { return node.kind == YamlNode::Kind::scalar && !node.is_quoted; }
  static bool is_default(const YamlNode& node, const KeySpec& key) {
    return is_plain(node) && !key.default_text.empty() && node.text == key.default_text;
  }

  /// Whether the key that may stand in this one's place does: its default, written out, does not.
  static bool is_replaced(const YamlNode& map, const KeySpec& key) {
    if (key.unless.empty()) return false;
    const YamlNode* other = map.find(std::string(last_part(key.unless)));
    return other != nullptr && !is_default(*other, *find_key(key.unless));
  }

  /// The path as a file would say it: with the index of the item at hand.
  std::string shown(std::string_view path) const {
    const size_t brackets = path.find("[]");
    if (brackets == path.npos) return std::string(path);
    return fmt::format("{}.{}{}", path.substr(0, brackets), item_index_, path.substr(brackets + 2));
  }
  std::string shown(const KeySpec& key) const { return shown(key.path); }

  json refuse(const YamlNode& node, const KeySpec& key, const std::string& hint = "") {
    diagnostics_.add(node.mark,
                     fmt::format("{}: {}; {}allowed: {}", shown(key), what_it_is(node), hint, allowed_text(key)));
    return {};
  }

  void unknown_key(const YamlEntry& entry, std::string_view path, const std::vector<const KeySpec*>& keys) {
    std::vector<std::string> names;
    for (const KeySpec* key : keys) names.emplace_back(last_part(key->path));
    diagnostics_.add(entry.key_mark, fmt::format("unknown key {}{}; {}allowed: {}", in_quotes(entry.key),
                                                 path.empty() ? "" : fmt::format(" in {}", shown(path)),
                                                 suggestion(entry.key, names), join(names, ", ")));
  }

  json integers_of(const YamlNode& node, const KeySpec& key) {
    if (node.kind != YamlNode::Kind::list || node.items.empty()) return refuse(node, key);
    json out = json::array();
    for (const YamlNode& item : node.items) {
      if (diagnostics_.full()) break;
      out.push_back(integer_of(item, key));
    }
    return out;
  }

  json list_of(const YamlNode& node, const KeySpec& key) {
    if (is_default(node, key)) return json::parse(node.text);
    if (node.kind != YamlNode::Kind::list || node.items.empty()) return refuse(node, key);
    const KeySpec* item_key = find_key(std::string(key.path) + "[]");
    json out = json::array();
    for (item_index_ = 0; item_index_ < node.items.size() && !diagnostics_.full(); ++item_index_) {
      out.push_back(value_of(node.items[item_index_], *item_key));
    }
    return out;
  }

  json integer_of(const YamlNode& node, const KeySpec& key) {
    int64_t value = 0;
    if (!is_plain(node)) return refuse(node, key, node.is_quoted ? kWithoutQuotes : "");
    const std::string fault = parse_integer(node.text, value);
    const bool in_range = value >= key.min && value <= key.max;
    if (fault.empty() && in_range) return value;
    diagnostics_.add(node.mark, fmt::format("{}: {} {}; allowed: {}", shown(key), in_quotes(node.text),
                                            fault.empty() ? "is out of range" : fault, allowed_text(key)));
    return {};
  }

  json number_of(const YamlNode& node, const KeySpec& key) {
    double value = 0;
    if (!is_plain(node)) return refuse(node, key, node.is_quoted ? kWithoutQuotes : "");
    const std::string fault = parse_number(node.text, value);
    const bool in_range = (key.low_is_allowed ? value >= key.low : value > key.low) && value <= key.high;
    if (fault.empty() && in_range) return value;
    diagnostics_.add(node.mark, fmt::format("{}: {} {}; allowed: {}", shown(key), in_quotes(node.text),
                                            fault.empty() ? "is out of range" : fault, allowed_text(key)));
    return {};
  }

  json text_of(const YamlNode& node, const KeySpec& key) {
    if (!is_text(node) || node.text.size() > kMaxTextBytes) return refuse(node, key);
    if (key.pattern.empty()) return node.text;
    const std::regex pattern(key.pattern.begin(), key.pattern.end());
    return std::regex_match(node.text, pattern) ? json(node.text) : refuse(node, key);
  }

  json boolean_of(const YamlNode& node, const KeySpec& key) {
    if (is_plain(node) && node.text == "true") return true;
    if (is_plain(node) && node.text == "false") return false;
    return refuse(node, key, node.is_quoted ? kWithoutQuotes : "");
  }

  json word_of(const YamlNode& node, const KeySpec& key) {
    const bool has_map = !keys_under(key.path).empty();
    if (node.kind == YamlNode::Kind::map && has_map) return map_of(node, key.path);
    if (node.kind != YamlNode::Kind::scalar) return refuse(node, key);
    if (std::find(key.words.begin(), key.words.end(), node.text) != key.words.end()) return node.text;
    return refuse(node, key, suggestion(node.text, key.words));
  }

  json name_of(const YamlNode& node, const KeySpec& key, const std::vector<KnownName>& names) {
    if (is_text(node) && find_name(names, node.text) != nullptr) return node.text;
    const std::vector<std::string> known = names_of(names);
    const std::string hint = node.kind == YamlNode::Kind::scalar ? suggestion(node.text, known) : "";
    diagnostics_.add(node.mark,
                     fmt::format("{}: {}; {}allowed: {}", shown(key), what_it_is(node), hint, join(known, " | ")));
    return {};
  }

  json passes_of(const YamlNode& node, const KeySpec& key) {
    if (node.kind != YamlNode::Kind::map) return refuse(node, key);
    json out = json::object();
    for (const std::string& pass : words_.passes) out[pass] = "auto";
    for (const YamlEntry& entry : node.entries) {
      if (std::find(words_.passes.begin(), words_.passes.end(), entry.key) == words_.passes.end()) {
        diagnostics_.add(entry.key_mark, fmt::format("unknown pass {}; {}allowed: {}", in_quotes(entry.key),
                                                     suggestion(entry.key, words_.passes), join(words_.passes, ", ")));
      } else if (!is_text(entry.value) || (entry.value.text != "auto" && entry.value.text != "off")) {
        diagnostics_.add(entry.value.mark,
                         fmt::format("passes.{}: {}; allowed: auto | off", entry.key, what_it_is(entry.value)));
      } else {
        out[entry.key] = entry.value.text;
      }
    }
    return out;
  }

  const Vocabulary& words_;
  Diagnostics& diagnostics_;
  size_t item_index_ = 0;  // the table has no list within a list
};

}  // namespace

json validate_tree(const YamlNode& root, const Vocabulary& words, Diagnostics& diagnostics) {
  if (root.kind != YamlNode::Kind::map) {
    diagnostics.add(root.mark, fmt::format("an experiment is a map with name, problem and strategies; {}",
                                           root.kind == YamlNode::Kind::null ? "the file is empty" : what_it_is(root)));
    return json::object();
  }
  return Validator(words, diagnostics).map_of(root, "");
}

}  // namespace ringfold
