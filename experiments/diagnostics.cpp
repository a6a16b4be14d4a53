#include "experiments/diagnostics.h"

#include "experiments/printable.h"

#include <algorithm>
#include <numeric>

namespace ringfold {

namespace {

constexpr size_t kQuotedBytes = 60;
constexpr size_t kLongestName = 64;
constexpr size_t kShortestPart = 3;

std::string format_lines(std::string_view file, const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    const Mark& mark = diagnostic.mark;
    if (!text.empty()) text += '\n';
    if (mark.override_number > 0) {
      text += fmt::format("override:{}:{}: error: {}", mark.override_number, mark.column, diagnostic.message);
    } else {
      text += fmt::format("{}:{}:{}: error: {}", file, mark.line, mark.column, diagnostic.message);
    }
  }
  return text;
}

/// Levenshtein's distance with swapped neighbours counted as one edit (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

ConfigurationError::ConfigurationError(std::string_view file, std::vector<Diagnostic> diagnostics)
    : Error(ExitCode::configuration, format_lines(file, diagnostics)), diagnostics_(std::move(diagnostics)) {}

void Diagnostics::add(const Mark& mark, std::string_view message) {
  // It may quote a stranger's file.
  if (!full()) all_.insert({mark, printable(message)});
}

void Diagnostics::throw_if_any(std::string_view file) const {
  if (all_.empty()) return;
  std::vector<Diagnostic> sorted(all_.begin(), all_.end());
  if (full()) {
    Diagnostic more = sorted.back();
    more.message = fmt::format("too many errors: only the first {} are shown", kLimit);
    sorted.push_back(std::move(more));
  }
  throw ConfigurationError(file, std::move(sorted));
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool starts_character = (byte & 0xC0) != 0x80;
    if (i >= kQuotedBytes && starts_character) {
      out += "...";
      break;
    }
    if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += text[i];
    }
  }
  return out + "'";
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

std::string suggestion(std::string_view text, const std::vector<std::string>& names) {
  if (text.empty() || text.size() > kLongestName) return "";
  std::string nearest;
  size_t nearest_distance = std::string::npos;
  for (const std::string& name : names) {
    const bool is_part = text.size() >= kShortestPart && name.find(text) != name.npos;
    const size_t distance = is_part ? 1 : edit_distance(text, name);
    if (distance < nearest_distance) {
      nearest_distance = distance;
      nearest = name;
    }
  }
  if (nearest.empty()) return "";
  // More than half of the letters changed is another word, not a slip.
  const bool is_near = nearest_distance <= std::max<size_t>(2, (text.size() + 1) / 2);
  return fmt::format("{} '{}'{} ", is_near ? "did you mean" : "nearest is", nearest, is_near ? '?' : ';');
}

}  // namespace ringfold
