#include "experiments/spec.h"

#include <nlohmann/json.hpp>

namespace ringfold {

namespace {

using json = nlohmann::ordered_json;

json default_of(const KeySpec& key) {
  int64_t integer = 0;
  double number = 0;
  const std::string text(key.default_text);
  if ((key.type == KeyType::integer || key.type == KeyType::list) && parse_integer(text, integer).empty())
    return integer;
  if (key.type == KeyType::number && parse_number(text, number).empty()) return number;
  if (key.type == KeyType::boolean) return text == "true";
  if (text == "{}") return json::object();
  return text;
}

json one_of_names(const std::vector<std::string>& names) {
  if (names.empty()) return {{"type", "string"}, {"minLength", 1}};
  return {{"enum", names}};
}

class SchemaMaker {
 public:
  explicit SchemaMaker(const Vocabulary& words) : words_(words) {}

  json map_of(std::string_view path) const {
    json schema = {{"type", "object"}, {"additionalProperties", false}};
    json required = json::array();
    for (const KeySpec* key : keys_under(path)) {
      const std::string name(last_part(key->path));
      if (key->is_required && key->unless.empty()) required.push_back(name);
      if (!key->unless.empty()) schema["anyOf"] = either(name, std::string(last_part(key->unless)));
      schema["properties"][name] = key_of(*key);
    }
    if (!required.empty()) schema["required"] = required;
    return schema;
  }

 private:
  /// The key, or the list that may stand in its place; as a word that other key says its default, and nothing.
  static json either(const std::string& name, const std::string& other) {
    return {{{"required", {name}}}, {{"required", {other}}, {"properties", {{other, {{"type", "array"}}}}}}};
  }

  json key_of(const KeySpec& key) const {
    json schema = value_of(key);
    schema["description"] = key.help;
    if (!key.default_text.empty()) schema["default"] = default_of(key);
    return schema;
  }

  json value_of(const KeySpec& key) const {
    switch (key.type) {
      case KeyType::map: return map_of(key.path);
      case KeyType::list: return list_of(key);
      case KeyType::integers: return {{"type", "array"}, {"minItems", 1}, {"items", integer_of(key)}};
      case KeyType::integer: return integer_of(key);
      case KeyType::number: {
        json schema = {{"type", "number"}, {"maximum", key.high}};
        schema[key.low_is_allowed ? "minimum" : "exclusiveMinimum"] = key.low;
        return schema;
      }
      case KeyType::boolean: return {{"type", "boolean"}};
      case KeyType::word: return word_of(key);
      case KeyType::text: return text_of(key);
      case KeyType::strategy: return strategy_of();
      case KeyType::strategies: return {{"type", "array"}, {"minItems", 1}, {"items", strategy_of()}};
      case KeyType::transport: return one_of_names(names_of(words_.transports));
      case KeyType::kernel: return one_of_names(names_of(words_.kernels));
      case KeyType::passes: return passes_of();
      case KeyType::sweep: return {{"type", "object"}, {"additionalProperties", {{"type", "array"}, {"minItems", 1}}}};
    }
    RINGFOLD_INVARIANT(false, "key type {}", static_cast<int>(key.type));
  }

  json list_of(const KeySpec& key) const {
    const json list = {{"type", "array"}, {"minItems", 1}, {"items", key_of(*find_key(std::string(key.path) + "[]"))}};
    if (key.default_text.empty()) return list;
    return {{"anyOf", {json{{"enum", {default_of(key)}}}, list}}};
  }

  static json integer_of(const KeySpec& key) {
    const json plain = {{"type", "integer"}, {"minimum", key.min}, {"maximum", key.max}};
    const json with_suffix = {{"type", "string"}, {"pattern", "^(0|[1-9][0-9]*)(K|M|G|T|Ki|Mi|Gi|Ti)$"}};
    return {{"anyOf", {plain, with_suffix}}};
  }

  json word_of(const KeySpec& key) const {
    const json words = {{"enum", key.words}};
    if (keys_under(key.path).empty()) return words;
    return {{"anyOf", {words, map_of(key.path)}}};
  }

  static json text_of(const KeySpec& key) {
    json schema = {{"type", "string"}, {"minLength", 1}};
    if (!key.pattern.empty()) schema["pattern"] = fmt::format("^{}$", key.pattern);
    return schema;
  }

  json passes_of() const {
    const json state = {{"enum", {"auto", "off"}}};
    if (words_.passes.empty()) return {{"type", "object"}, {"additionalProperties", state}};
    json schema = {{"type", "object"}, {"additionalProperties", false}};
    for (const std::string& pass : words_.passes) schema["properties"][pass] = state;
    return schema;
  }

  /// A name, or a map from one name to its options.
  json strategy_of() const {
    json map = {{"type", "object"}, {"minProperties", 1}, {"maxProperties", 1}};
    if (words_.strategies.empty()) map["additionalProperties"] = {{"type", "object"}};
    for (const KnownName& known : words_.strategies) {
      json options = {{"type", "object"}, {"additionalProperties", !known.unbuilt.empty()}};
      for (const OptionSpec& option : known.options) {
        options["properties"][option.name] = {{"enum", option.values}, {"description", option.help}};
      }
      map["additionalProperties"] = false;
      map["properties"][known.name] = options;
    }
    return {{"anyOf", {one_of_names(names_of(words_.strategies)), map}}};
  }

  const Vocabulary& words_;
};

}  // namespace

json json_schema(const Vocabulary& words) {
  json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "Ringfold experiment"},
                 {"description", "What `ringfold run` reads. `ringfold check` tells more than a schema can."}};
  schema.update(SchemaMaker(words).map_of(""));
  return schema;
}

}  // namespace ringfold
