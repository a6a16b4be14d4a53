#include "experiments/text.h"

#include "transports/launch.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <unistd.h>

namespace ringfold {

std::string bytes_text(int64_t bytes) {
  static constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // From 999.5 on, three digits would round to four.
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{} {}", number_text(value), kUnits[unit]);
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  const double size = std::fabs(value);
  if (size != 0 && (size < 0.001 || size >= 1e6)) return fmt::format("{:.1e}", value);
  if (size < 0.01) return fmt::format("{:.4f}", value);
  if (size < 0.995) return fmt::format("{:.3f}", value);
  if (size < 9.995) return fmt::format("{:.2f}", value);
  if (size < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::max(seconds, 0.0)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string count_text(int64_t count) {
  std::string text = std::to_string(count);
  const size_t first = count < 0 ? 1 : 0;
  for (size_t place = text.size(); place > first + 3;) {
    place -= 3;
    text.insert(place, ",");
  }
  return text;
}

std::string shell_quoted(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./=:,+@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string joined(const std::vector<std::string>& texts, std::string_view between) {
  std::string all;
  for (const std::string& text : texts) {
    if (&text != &texts.front()) all += between;
    all += text;
  }
  return all;
}

int64_t width_of(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

namespace {

/// A launcher gives its processes a terminal of their own, whatever it writes to itself.
bool is_terminal(int fd) { return ::isatty(fd) != 0 && !launched_rank(); }

}  // namespace

Style style_of(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool is_dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  if (!is_terminal(fd) || is_dumb || (no_color != nullptr && *no_color != '\0')) return {};
  return {"\x1b[1;32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"};
}

int terminal_columns(int fd) {
  winsize size{};
  if (!is_terminal(fd)) return 0;
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool speaks_unicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {  // the first that is set counts
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    return locale.ends_with("UTF-8") || locale.ends_with("utf8") || locale.ends_with("UTF8");
  }
  return false;
}

std::string wrapped(std::string_view text, int64_t columns, int64_t indent) {
  std::string lines;
  int64_t room = columns;
  while (static_cast<int64_t>(text.size()) > room) {
    size_t end = text.rfind(' ', static_cast<size_t>(room));
    if (end == std::string_view::npos || end == 0) end = text.find(' ');
    if (end == std::string_view::npos) break;
    lines += text.substr(0, end);
    lines += "\n" + std::string(static_cast<size_t>(indent), ' ');
    text.remove_prefix(end + 1);
    room = std::max<int64_t>(columns - indent, 20);
  }
  return lines + std::string(text);
}

}  // namespace ringfold
