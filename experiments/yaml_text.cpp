#include "experiments/descriptor.h"
#include "experiments/yaml_tree.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace ringfold {

namespace {

constexpr int kMaxOpenBrackets = 1000;

/// Bytes of the UTF-8 character that starts at text[0]; 0 if it is invalid (overlong forms and surrogates included).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

/// Counts commas between brackets, colons behind keys there, and lines that begin with a dash elsewhere: values are
/// more than those. yaml-cpp looks at all of a list in brackets before it tells of the first value in it, and takes a
/// microsecond for each line of another. (Lines of dashes in a text count too: no experiment has a text of so many.)
class ValueCounter {
 public:
  /// How many so far, with text[i], where `open_brackets` are open.
  size_t count(std::string_view text, size_t i, int open_brackets) {
    const char c = text[i];
    const bool is_dash = begins_line_ && open_brackets == 0 && c == '-' && i + 1 < text.size();
    if (is_dash && (text[i + 1] == ' ' || text[i + 1] == '\n' || text[i + 1] == '\r')) ++marks_;
    begins_line_ = c == '\n' || (begins_line_ && c == ' ');
    if (quote_ != '\0') {
      const bool is_escaped = quote_ == '"' && is_after_backslash_;
      is_after_backslash_ = c == '\\' && !is_escaped;
      if (c == quote_ && !is_escaped) quote_ = '\0';
    } else if (open_brackets > 0) {
      const bool begins = std::string_view("[{,: \t\r\n").find(i > 0 ? text[i - 1] : ' ') != std::string_view::npos;
      if ((c == '"' || c == '\'') && begins) quote_ = c;
      const bool ends_key = c == ':' && i + 1 < text.size() && text[i + 1] == ' ';
      if (c == ',' || ends_key) ++marks_;
    }
    return marks_;
  }

 private:
  size_t marks_ = 0;
  char quote_ = '\0';
  bool is_after_backslash_ = false;
  bool begins_line_ = true;
};

[[noreturn]] void refuse_file(const std::string& path, std::string message) {
  throw ConfigurationError(path, {{Mark{}, std::move(message)}});
}

}  // namespace

void check_yaml_bytes(std::string_view text, const Mark& origin, Diagnostics& diagnostics) {
  if (text.size() > kYamlMaxBytes) {
    diagnostics.add(origin, fmt::format("{} bytes; allowed are at most {}", text.size(), kYamlMaxBytes));
    return;
  }
  Mark mark = origin;
  ValueCounter values;
  int open_brackets = 0;  // those in texts and comments included: the limit leaves room for them
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      diagnostics.add(mark, fmt::format("byte 0x{:02x} is not valid UTF-8", byte));
      return;
    }
    // yaml-cpp takes 0x04 for the end of the file: the rest would be dropped.
    if ((byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7F) {
      diagnostics.add(mark, fmt::format("control character 0x{:02x}", byte));
      return;
    }
    if (byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      diagnostics.add(mark, fmt::format("control character 0x{:02x}", static_cast<unsigned char>(text[i + 1])));
      return;
    }
    // yaml-cpp looks ahead to the end of what is never closed, with some hundred bytes of memory each.
    if (byte == '[' || byte == '{') ++open_brackets;
    if ((byte == ']' || byte == '}') && open_brackets > 0) --open_brackets;
    if (open_brackets > kMaxOpenBrackets) {
      diagnostics.add(mark, fmt::format("more than {} brackets are open here", kMaxOpenBrackets));
      return;
    }
    if (values.count(text, i, open_brackets) > kYamlMaxNodes) {
      diagnostics.add(mark, fmt::format("more than {} values", kYamlMaxNodes));
      return;
    }
    if (byte == '%' && mark.column == 1 && mark.override_number == 0) {
      diagnostics.add(mark, "a line that starts with '%' (a YAML directive) is not allowed");
    }
    i += length;
    ++mark.column;
    if (byte == '\n') {
      ++mark.line;
      mark.column = 1;
    }
  }
}

std::string read_yaml_text(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) refuse_file(path, fmt::format("cannot open the file: {}", std::strerror(errno)));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0)
    refuse_file(path, fmt::format("cannot read the file: {}", std::strerror(errno)));
  if (S_ISDIR(status.st_mode)) refuse_file(path, "is a directory; give an experiment file");

  // O_NONBLOCK keeps open() from waiting for the writer of a named pipe; a pipe that has one is read as usual.
  if (S_ISFIFO(status.st_mode)) ::fcntl(file.get(), F_SETFL, 0);

  std::string text;
  std::array<char, 65536> buffer;
  while (text.size() <= kYamlMaxBytes) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse_file(path, fmt::format("cannot read the file: {}", std::strerror(errno)));
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  refuse_file(path, fmt::format("more than {} bytes", kYamlMaxBytes));
}

}  // namespace ringfold
