#pragma once

#include "experiments/yaml_tree.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// A dotted key, "problem.sequences.0.query": names of keys and indices of lists.
struct DottedKey {
  std::vector<std::string> parts;
  std::vector<Mark> marks;  ///< of each part
};

/// Splits at dots. An empty part is reported, and the key returned has no parts.
DottedKey parse_dotted_key(std::string_view text, const Mark& mark, Diagnostics& diagnostics);

/// Is one a part of the other, or the same?
bool overlaps(const DottedKey& a, const DottedKey& b);

/// Sets the value under a key, making maps on the way where there are none. Whether the keys exist is for the validator
/// to say; an index that a list does not have is reported.
void set_value(YamlNode& root, const DottedKey& key, const YamlNode& value, Diagnostics& diagnostics);

/// The value under a path, or the innermost one around it that the tree has.
const YamlNode& node_at(const YamlNode& root, std::span<const std::string> path);

/// Applies "key=value" overrides in order. Each takes its key, and keys above and below it, out of the sweep that
/// stands there by then; "sweep.KEY=[...]" puts one in.
void apply_overrides(YamlNode& root, std::span<const std::string> overrides, Diagnostics& diagnostics);

/// One dotted key of a sweep with its values.
struct SweepAxis {
  DottedKey key;
  std::vector<YamlNode> values;
};

/// Takes `sweep` out of the tree.
std::vector<SweepAxis> take_sweep(YamlNode& root, Diagnostics& diagnostics);

}  // namespace ringfold
