#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringfold {

/// Aligned columns of text for a terminal.
struct Column {
  std::string title;
  bool is_text = false;  ///< to the left; numbers go to the right
  int importance = 10;   ///< columns of least importance go first where room is short
  std::vector<std::string> cells;
};

struct LineStyle {
  std::string_view begin;  ///< escape codes around a line; widths do not count them
  std::string_view end;
};

/// A title line and one line a cell. At most `width` columns wide where leaving columns out can achieve it (0: any).
std::string grid_text(std::vector<Column> columns, const std::vector<LineStyle>& styles, int64_t width);

}  // namespace ringfold
