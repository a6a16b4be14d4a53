#include "experiments/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>

namespace ringfold {

namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// Leaves yaml-cpp's parser from inside an event.
struct StopParsing {};

struct OpenNode {
  YamlNode node;
  bool has_key = false;
  bool key_is_usable = false;
  std::string key;
  Mark key_mark;
  std::unordered_map<std::string, int> key_lines;
};

/// Builds the tree from yaml-cpp's events; yaml-cpp's own nodes would lose duplicate keys and places.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, const Mark& origin, Diagnostics& diagnostics)
      : text_(text), origin_(origin), diagnostics_(diagnostics) {
    uint32_t count = 0;
    for (const char c : text) {
      continuation_bytes_.push_back(count);
      if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) ++count;
    }
    continuation_bytes_.push_back(count);
  }

  YamlNode take_root() { return root_ ? std::move(*root_) : YamlNode{.mark = origin_}; }

  Mark mark_of(const YAML::Mark& mark) const {
    if (mark.is_null()) return origin_;
    const int column = columns_before(mark) + (mark.line == 0 ? origin_.column : 1);
    return {origin_.override_number, origin_.line + mark.line, column};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    const std::string_view rest = text_.substr(std::min(static_cast<size_t>(mark.pos), text_.size()));
    stop(mark, rest.starts_with("---") ? "a second document; a file holds one"
                                       : "text that does not belong to what stands before it; entries of a map or list "
                                         "start in the same column");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_extras(mark, "", anchor);
    attach({.kind = YamlNode::Kind::null, .mark = begin(mark)});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    diagnostics_.add(mark_of(mark), "aliases ('*name') are not allowed; write the value out");
    attach({.kind = YamlNode::Kind::null, .mark = begin(mark)});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_extras(mark, tag, anchor);
    if (tag == "!" && !is_closed(mark)) diagnostics_.add(mark_of(mark), "this quote is never closed");
    const auto is_control = [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    };
    if (std::any_of(value.begin(), value.end(), is_control)) {
      diagnostics_.add(mark_of(mark), fmt::format("control character in {}", in_quotes(value)));
    }
    attach({.kind = YamlNode::Kind::scalar, .mark = begin(mark), .text = value, .is_quoted = tag != "?"});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  [[noreturn]] void stop(const YAML::Mark& mark, std::string message) {
    diagnostics_.add(mark_of(mark), std::move(message));
    throw StopParsing();
  }

  Mark begin(const YAML::Mark& mark) {
    if (diagnostics_.full()) throw StopParsing();  // nobody is shown more
    if (++nodes_ > kYamlMaxNodes) stop(mark, fmt::format("more than {} values", kYamlMaxNodes));
    return mark_of(mark);
  }

  /// Characters of the line before the mark; yaml-cpp counts bytes.
  int columns_before(const YAML::Mark& mark) const {
    const size_t pos = std::min(static_cast<size_t>(mark.pos), text_.size());
    const size_t line = pos - std::min(static_cast<size_t>(mark.column), pos);
    return mark.column - static_cast<int>(continuation_bytes_[pos] - continuation_bytes_[line]);
  }

  /// yaml-cpp takes the end of the text for the end of a scalar in quotes.
  bool is_closed(const YAML::Mark& mark) const {
    const auto first = static_cast<size_t>(mark.pos);
    if (first >= text_.size() || (text_[first] != '"' && text_[first] != '\'')) return true;
    const char quote = text_[first];
    for (size_t i = first + 1; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        const bool is_doubled = quote == '\'' && i + 1 < text_.size() && text_[i + 1] == quote;
        if (!is_doubled) return true;
        ++i;
      }
    }
    return false;
  }

  void refuse_extras(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0)
      diagnostics_.add(mark_of(mark), "anchors ('&name') are not allowed; write the value out where it is used");
    // yaml-cpp calls a plain scalar "?" and one in quotes "!".
    if (!tag.empty() && tag != "?" && tag != "!") {
      diagnostics_.add(mark_of(mark), fmt::format("tags are not allowed, got {}", in_quotes(tag)));
    }
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_extras(mark, tag, anchor);
    if (open_.size() >= static_cast<size_t>(kYamlMaxDepth)) {
      stop(mark, fmt::format("lists and maps nested more than {} deep", kYamlMaxDepth));
    }
    open_.emplace_back();
    open_.back().node = {.kind = kind, .mark = begin(mark)};
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    attach(std::move(node));
  }

  void attach(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, std::move(node));
    } else {
      parent.has_key = false;
      // yaml-cpp marks an absent value with whatever comes next, often lines below.
      if (node.kind == YamlNode::Kind::null) node.mark = parent.key_mark;
      if (parent.key_is_usable)
        parent.node.entries.push_back({std::move(parent.key), parent.key_mark, std::move(node)});
    }
  }

  void take_key(OpenNode& parent, YamlNode node) {
    parent.has_key = true;
    parent.key_is_usable = false;
    parent.key_mark = node.mark;
    if (node.kind != YamlNode::Kind::scalar) {
      diagnostics_.add(node.mark, "a key must be a plain word");
      return;
    }
    const auto [first, is_new] = parent.key_lines.emplace(node.text, node.mark.line);
    if (!is_new) {
      diagnostics_.add(node.mark,
                       fmt::format("duplicate key {}, first in line {}", in_quotes(node.text), first->second));
      return;
    }
    parent.key_is_usable = true;
    parent.key = std::move(node.text);
  }

  std::string_view text_;
  std::vector<uint32_t> continuation_bytes_;  // of UTF-8 characters, before each byte of the text
  Mark origin_;
  Diagnostics& diagnostics_;
  std::vector<OpenNode> open_;
  std::optional<YamlNode> root_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

}  // namespace

YamlNode parse_yaml(std::string_view text, std::string_view file, const Mark& origin) {
  Diagnostics diagnostics;
  check_yaml_bytes(text, origin, diagnostics);
  diagnostics.throw_if_any(file);

  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // so that yaml-cpp's positions are ours
  TreeBuilder builder(text, origin, diagnostics);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // The second call finds what yaml-cpp left unread: further documents, or text it would drop silently.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const StopParsing&) {
  } catch (const YAML::Exception& error) {
    diagnostics.add(builder.mark_of(error.mark), fmt::format("not YAML: {}", first_line(error.msg)));
  }
  diagnostics.throw_if_any(file);
  return builder.take_root();
}

}  // namespace ringfold
