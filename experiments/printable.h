#pragma once

#include "experiments/row.h"

#include <string>
#include <string_view>

namespace ringfold {

/// Text of a stranger for a terminal: control characters, and those that change the direction of text, become escapes
/// as
/// \n, \x1b or \u202e; so does every byte that is no UTF-8. All else stays.
std::string printable(std::string_view text);

/// Does so with all strings and keys, and gives memory back that the parser left over: many rows may be kept.
void make_printable(Row& json);

}  // namespace ringfold
