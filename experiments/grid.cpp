#include "experiments/grid.h"

#include "experiments/text.h"

#include <algorithm>

namespace ringfold {
namespace {

constexpr int64_t kGap = 2;

int64_t width_of(const Column& column) {
  int64_t width = ringfold::width_of(column.title);
  for (const std::string& cell : column.cells) width = std::max(width, ringfold::width_of(cell));
  return width;
}

int64_t width_of(const std::vector<Column>& columns) {
  int64_t width = -kGap;
  for (const Column& column : columns) width += width_of(column) + kGap;
  return width;
}

std::string padded(const std::string& text, int64_t width, bool is_text, bool is_last) {
  const std::string space(static_cast<size_t>(width - ringfold::width_of(text)), ' ');
  if (!is_text) return space + text;
  return is_last ? text : text + space;
}

}  // namespace

std::string grid_text(std::vector<Column> columns, const std::vector<LineStyle>& styles, int64_t width) {
  const auto less = [](const Column& a, const Column& b) { return a.importance < b.importance; };
  while (width > 0 && columns.size() > 2 && width_of(columns) > width) {
    columns.erase(std::min_element(columns.begin(), columns.end(), less));
  }
  std::vector<int64_t> widths;
  for (const Column& column : columns) widths.push_back(width_of(column));
  const size_t lines = columns.empty() ? 0 : columns.front().cells.size();
  std::string text;
  for (size_t line = 0; line <= lines; ++line) {
    if (line > 0 && line - 1 < styles.size()) text += styles[line - 1].begin;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) text += std::string(kGap, ' ');
      const std::string& cell = line == 0 ? columns[i].title : columns[i].cells[line - 1];
      text += padded(cell, widths[i], columns[i].is_text, i + 1 == columns.size());
    }
    while (text.back() == ' ') text.pop_back();
    if (line > 0 && line - 1 < styles.size()) text += styles[line - 1].end;
    text += '\n';
  }
  return text;
}

}  // namespace ringfold
