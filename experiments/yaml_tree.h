#pragma once

#include "experiments/diagnostics.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

struct YamlEntry;

/// A value of a YAML document, with its place. A plain value, copied deeply.
struct YamlNode {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  Mark mark{};                       ///< first character; for an absent value, its key
  std::string text{};                ///< scalar
  bool is_quoted = false;            ///< scalar in quotes or a block scalar: always text, never a number
  std::vector<YamlNode> items{};     ///< list
  std::vector<YamlEntry> entries{};  ///< map, in the order of the file

  const YamlNode* find(std::string_view key) const;
  YamlEntry* find_entry(std::string_view key);
  void erase(std::string_view key);
};

struct YamlEntry {
  std::string key;
  Mark key_mark;
  YamlNode value;
};

/// Limits on what is read, far above any sensible experiment.
inline constexpr size_t kYamlMaxBytes = size_t{1} << 20;
inline constexpr int kYamlMaxDepth = 64;
inline constexpr size_t kYamlMaxNodes = 100'000;

/// Parses one YAML document strictly. Refused, each with its place: more than one document (text that does not belong
/// to the first counts as one), anchors, aliases, tags, duplicate keys, keys that are not scalars, control characters,
/// invalid UTF-8, too much of anything. Where parsing can go on, all errors are reported together.
/// Marks are those of `origin` plus the place in the text: an override passes where its value begins.
/// An empty text is a null node. Throws ConfigurationError with `file` in its lines.
YamlNode parse_yaml(std::string_view text, std::string_view file, const Mark& origin = {});

/// Reports control characters, invalid UTF-8 and too many bytes: the first place only.
void check_yaml_bytes(std::string_view text, const Mark& origin, Diagnostics& diagnostics);

/// The bytes of a file. Throws ConfigurationError if it cannot be read, is no file or is larger than kYamlMaxBytes.
std::string read_yaml_text(const std::string& path);

/// "got 'x'", "got a list" and the like, for messages.
std::string what_it_is(const YamlNode& node);

/// Nodes of the tree, the root included.
size_t count_nodes(const YamlNode& node);

}  // namespace ringfold
