// The schema that editors use says of each file what the validator says, but for what lies between keys.

#include "experiments/shape_checks.h"
#include "experiments/spec.h"
#include "tests/experiments/words.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

using namespace ringfold;

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

/// The tree as a YAML 1.2 reader types it.
ordered_json typed(const YamlNode& node) {
  static const std::regex number("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
  ordered_json out;
  switch (node.kind) {
    case YamlNode::Kind::null: return nullptr;
    case YamlNode::Kind::scalar:
      if (!node.is_quoted && (node.text == "true" || node.text == "false")) return node.text == "true";
      if (!node.is_quoted && std::regex_match(node.text, number)) return ordered_json::parse(node.text);
      return node.text;
    case YamlNode::Kind::list:
      out = ordered_json::array();
      for (const YamlNode& item : node.items) out.push_back(typed(item));
      return out;
    case YamlNode::Kind::map:
      out = ordered_json::object();
      for (const YamlEntry& entry : node.entries) out[entry.key] = typed(entry.value);
      return out;
  }
  return out;
}

bool has_type(const ordered_json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  REQUIRE(type == "number");
  return value.is_number();
}

bool accepts(const ordered_json& schema, const ordered_json& value);

bool accepts_object(const ordered_json& schema, const ordered_json& value) {
  for (const auto& name : schema.value("required", ordered_json::array())) {
    if (!value.contains(name.get<std::string>())) return false;
  }
  if (value.size() < schema.value("minProperties", size_t{0}) || value.size() > schema.value("maxProperties", SIZE_MAX))
    return false;
  const ordered_json properties = schema.value("properties", ordered_json::object());
  const ordered_json others = schema.value("additionalProperties", ordered_json(true));
  for (const auto& [key, item] : value.items()) {
    if (properties.contains(key) ? !accepts(properties[key], item) : !accepts(others, item)) return false;
  }
  return true;
}

/// The part of JSON Schema that ours uses; any other keyword fails the test.
bool accepts(const ordered_json& schema, const ordered_json& value) {
  static const std::set<std::string> known = {
      "$schema",  "title",      "description",          "default",       "type",         "enum",     "anyOf",
      "minimum",  "maximum",    "exclusiveMinimum",     "minLength",     "pattern",      "minItems", "items",
      "required", "properties", "additionalProperties", "minProperties", "maxProperties"};
  if (schema.is_boolean()) return schema.get<bool>();
  for (const auto& [keyword, unused] : schema.items()) REQUIRE(known.count(keyword) == 1);
  if (schema.contains("type") && !has_type(value, schema["type"].get<std::string>())) return false;
  if (schema.contains("enum") && std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    return false;
  if (schema.contains("anyOf") && std::none_of(schema["anyOf"].begin(), schema["anyOf"].end(),
                                               [&](const ordered_json& part) { return accepts(part, value); })) {
    return false;
  }
  if (value.is_number()) {
    if (schema.contains("minimum") && value < schema["minimum"]) return false;
    if (schema.contains("maximum") && value > schema["maximum"]) return false;
    if (schema.contains("exclusiveMinimum") && value <= schema["exclusiveMinimum"]) return false;
  }
  if (value.is_string()) {
    const auto text = value.get<std::string>();
    if (text.size() < schema.value("minLength", size_t{0})) return false;
    if (schema.contains("pattern") && !std::regex_search(text, std::regex(schema["pattern"].get<std::string>())))
      return false;
  }
  if (value.is_array()) {
    if (value.size() < schema.value("minItems", size_t{0})) return false;
    for (const auto& item : value) {
      if (schema.contains("items") && !accepts(schema["items"], item)) return false;
    }
  }
  return !value.is_object() || accepts_object(schema, value);
}

std::string content_of(const fs::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<fs::path> yaml_files(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  }
  return paths;
}

/// Does the table's validator accept the file as it stands, its sweep unapplied and no file opened?
bool validates(const YamlNode& root, bool with_shapes) {
  Diagnostics diagnostics;
  const json values = validate_tree(root, test_words(), diagnostics);
  if (with_shapes) check_shapes(values, root, diagnostics);
  return diagnostics.empty();
}

}  // namespace

TEST_CASE("the shipped schema is the table's") {
  const std::string current = json_schema({}).dump(2) + "\n";
  const bool is_current = content_of(fs::path(source_root()) / "experiments/ringfold.schema.json") == current;
  if (!is_current) std::ofstream(fs::path(build_root()) / "ringfold.schema.json") << current;
  INFO("to renew it: cp " << build_root() << "/ringfold.schema.json " << source_root() << "/experiments/");
  CHECK(is_current);
}

TEST_CASE("the schema accepts every shipped example, and so does the validator") {
  for (const fs::path& path : yaml_files(fs::path(source_root()) / "experiments")) {
    CAPTURE(path.string());
    const YamlNode root = parse_yaml(content_of(path), path.string());
    CHECK(accepts(json_schema({}), typed(root)));
    CHECK(accepts(json_schema(test_words()), typed(root)));
    CHECK(validates(root, true));
  }
}

TEST_CASE("the schema refuses what the table refuses in the corpus of bad files") {
  const ordered_json schema = json_schema(test_words());
  size_t refused = 0;
  for (const fs::path& path : yaml_files(fs::path(source_root()) / "tests/errors")) {
    YamlNode root;
    try {
      root = parse_yaml(content_of(path), path.string());
    } catch (const ConfigurationError&) {
      continue;  // no YAML: nothing that a schema could judge
    }
    CAPTURE(path.string());
    // The table's validator does not read `sweep`, and the schema does not know what "9000000T" comes to.
    const bool is_valid = validates(root, false);
    if (root.find("sweep") == nullptr && path.stem() != "suffix_overflows")
      CHECK(accepts(schema, typed(root)) == is_valid);
    if (!is_valid) ++refused;
  }
  CHECK(refused >= 50);
}

TEST_CASE("the schema knows suffixes, words with a map beside them, and the names of this build") {
  const auto judged = [](const std::string& override_text) {
    const ordered_json schema = json_schema(test_words());
    ordered_json file = typed(parse_yaml(kMinimal, "f"));
    file.update(typed(parse_yaml(override_text, "f")));
    return accepts(schema, file);
  };
  CHECK(judged("problem: {sequences: [{query: 4Ki}], heads: {query: 1, kv: 1, dim: 1}, mask: {window: 1M}}"));
  CHECK_FALSE(judged("problem: {sequences: [{query: 4KB}], heads: {query: 1, kv: 1, dim: 1}}"));
  CHECK_FALSE(judged("problem: {sequences: [{query: -1}], heads: {query: 1, kv: 1, dim: 1}}"));
  CHECK(judged("strategies: [mesh, {mesh: {a: 2}}, {all_gather: {layout: zigzag}}]"));
  CHECK_FALSE(judged("strategies: [mess]"));
  CHECK_FALSE(judged("strategies: [{all_gather: {layout: zig}}]"));
  CHECK_FALSE(judged("measure: {deadline_seconds: 0}"));
  CHECK(judged("measure: {reference_seconds: 0}"));
  CHECK(judged("passes: {fuse: off}"));
  CHECK_FALSE(judged("passes: {fuse: false}"));
}
