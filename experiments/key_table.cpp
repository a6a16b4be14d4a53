#include "experiments/spec.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringfold {

const std::vector<KeySpec>& key_table() {
  static const std::vector<KeySpec> table = make_key_table();
  return table;
}

const KeySpec* find_key(std::string_view path) {
  const auto& table = key_table();
  const auto found = std::find_if(table.begin(), table.end(), [&](const KeySpec& key) { return key.path == path; });
  return found == table.end() ? nullptr : &*found;
}

std::vector<const KeySpec*> keys_under(std::string_view path) {
  std::vector<const KeySpec*> keys;
  const std::string prefix = path.empty() ? "" : std::string(path) + ".";
  for (const KeySpec& key : key_table()) {
    if (!key.path.starts_with(prefix)) continue;
    const std::string_view rest = key.path.substr(prefix.size());
    if (rest.find('.') == rest.npos && rest.find('[') == rest.npos) keys.push_back(&key);
  }
  return keys;
}

std::string_view last_part(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == path.npos ? path : path.substr(dot + 1);
}

std::string allowed_text(const KeySpec& key) {
  switch (key.type) {
    case KeyType::map: return "a map";
    case KeyType::list: {
      const std::string list = "a list with at least one entry";
      return key.default_text.empty() ? list : fmt::format("{} | {}", key.default_text, list);
    }
    case KeyType::integers: return fmt::format("a list of integers from {} to {}", key.min, key.max);
    case KeyType::integer: return fmt::format("an integer from {} to {}", key.min, key.max);
    case KeyType::number:
      return fmt::format("a number {} {} and at most {}", key.low_is_allowed ? "of at least" : "above", key.low,
                         key.high);
    case KeyType::boolean: return "true or false";
    case KeyType::word: {
      std::string text = join(key.words, " | ");
      for (const KeySpec* under : keys_under(key.path)) {
        text += fmt::format(" | {{{}: ...}}", under->path.substr(key.path.size() + 1));
      }
      return text;
    }
    case KeyType::text: return key.pattern.empty() ? "a text" : std::string(key.pattern_text);
    case KeyType::strategy: return "a name, or a map from one name to its options";
    case KeyType::strategies: return "a list of names, or of maps from one name to its options";
    case KeyType::transport:
    case KeyType::kernel: return "a name";
    case KeyType::passes: return "a map from passes to auto or off";
    case KeyType::sweep: return "a map from dotted keys to lists of values";
  }
  RINGFOLD_INVARIANT(false, "key type {}", static_cast<int>(key.type));
}

}  // namespace ringfold
