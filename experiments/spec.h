#pragma once

#include "experiments/vocabulary.h"
#include "experiments/yaml_tree.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// What a key of an experiment file takes. `word`: one of KeySpec::words, or a map if the key has keys under it.
/// `list`: or, where the key has a default, that; `integers`: a list of them.
enum class KeyType {
  map,
  list,
  integer,
  integers,
  number,
  boolean,
  word,
  text,
  strategy,
  strategies,
  transport,
  kernel,
  passes,
  sweep
};

/// One key of the file. The table of these validates files, fills in defaults, and makes the JSON Schema and the docs.
struct KeySpec {
  std::string_view path{};  ///< dotted; "[]" stands for an index
  KeyType type = KeyType::map;
  bool is_required = false;         ///< within the map around it
  std::string_view unless{};        ///< path of the key beside it that stands in its place
  std::string_view default_text{};  ///< as YAML; empty: absent unless given
  int64_t min = 0;                  ///< integer: inclusive
  int64_t max = 0;
  double low = 0;  ///< number: inclusive if low_is_allowed
  double high = 0;
  bool low_is_allowed = false;
  std::vector<std::string> words{};
  std::string_view pattern{};  ///< text: a regular expression for all of it, and the same in words
  std::string_view pattern_text{};
  std::string_view help{};
};

const std::vector<KeySpec>& key_table();
/// Its rows; made once.
std::vector<KeySpec> make_key_table();
std::vector<KeySpec> problem_key_rows();
/// Null if the table has no such path.
const KeySpec* find_key(std::string_view path);
/// The keys directly under a path ("" for the top level), in table order.
std::vector<const KeySpec*> keys_under(std::string_view path);

/// "an integer from 1 to 8" and the like: what messages say is allowed.
std::string allowed_text(const KeySpec& key);

/// The end of a path: "dim" of "problem.heads.dim".
std::string_view last_part(std::string_view path);

/// Checks a tree against the table: unknown keys, types, ranges, missing keys. Returns the case as JSON with defaults
/// filled in (values that failed are absent), `strategies` still a list, numbers in their canonical form.
nlohmann::json validate_tree(const YamlNode& root, const Vocabulary& words, Diagnostics& diagnostics);

/// The value of `strategies`: a list with one {"name": {options}} for each valid entry, options complete.
nlohmann::json validate_strategies(const YamlNode& node, const KeySpec& key, const Vocabulary& words,
                                   Diagnostics& diagnostics);

/// The value of a key for one strategy: {"name": {options}}, options complete; null if it is refused. `path` is for
/// messages.
nlohmann::json validate_strategy(const YamlNode& node, std::string_view path, const Vocabulary& words,
                                 Diagnostics& diagnostics);

/// The JSON Schema (draft 2020-12) of experiment files, for editors. It accepts all valid files, and refuses what is
/// wrong with single keys; what lies between keys only a validator can tell. Where the vocabulary has no names, any do.
nlohmann::ordered_json json_schema(const Vocabulary& words);

/// Integers of experiment files: decimal, no leading zero, an optional suffix K, M, G, T (powers of 1000) or Ki, Mi,
/// Gi, Ti (powers of 1024). Returns why not, or an empty text and the value.
std::string parse_integer(std::string_view text, int64_t& value);
std::string parse_number(std::string_view text, double& value);

}  // namespace ringfold
