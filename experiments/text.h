#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// "1.5 MiB", "12 B": binary units, three digits at most before the unit.
std::string bytes_text(int64_t bytes);
/// "1.52" below 10, "15.2" below 100, "152" from there: three significant digits.
std::string number_text(double value);
/// "45 s", "3:05", "1:02:03".
std::string duration_text(double seconds);
/// "1,234,567".
std::string count_text(int64_t count);
/// As a POSIX shell reads it back: in single quotes unless it needs none.
std::string shell_quoted(std::string_view text);

std::string joined(const std::vector<std::string>& texts, std::string_view between);

/// Columns a terminal shows for UTF-8 text (one a character).
int64_t width_of(std::string_view text);

/// Styles, empty where standard output is no terminal or NO_COLOR is set.
struct Style {
  std::string_view best, bad, warn, dim, off;
};
Style style_of(int fd);
/// Columns of the terminal that `fd` is; 0 if it is none.
int terminal_columns(int fd);

/// Whether the user's locale has more characters than ASCII's, as UTF-8.
bool speaks_unicode();

/// Breaks text into lines of at most `columns`, at spaces where there are any; later lines begin with `indent` spaces.
std::string wrapped(std::string_view text, int64_t columns, int64_t indent);

}  // namespace ringfold
