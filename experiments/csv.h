#pragma once

#include "experiments/row.h"

#include <functional>
#include <string>
#include <string_view>

namespace ringfold {

/// A cell as RFC 4180 has it: in quotes, doubled inside, where it needs them.
std::string csv_cell(std::string_view text);
void add_csv_cell(std::string& line, std::string_view text);

/// Text that a spreadsheet shows and never computes: one that would begin a formula gets an apostrophe before it.
std::string csv_text(std::string_view text);

/// Calls `on_cell` with the dotted name and the text (not quoted yet) of each value, maps opened; a list is one value,
/// as JSON.
void flatten(const Row& row, const std::function<void(const std::string& name, const std::string& text)>& on_cell);

}  // namespace ringfold
