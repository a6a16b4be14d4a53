#pragma once

#include "experiments/row.h"

#include <string>
#include <string_view>

namespace ringfold {

/// Text of a stranger for a terminal: control characters, and those that change the direction of text, become escapes
/// as
/// \n, \x1b or \u202e; so does every byte that is no UTF-8. All else stays.
std::string printable(std::string_view text);

/// All strings and keys of it.
Row printable_row(const Row& json);

}  // namespace ringfold
