#pragma once

#include <string>
#include <string_view>

namespace ringfold {

/// Help of a command, or of the program for an empty name; at most 80 columns wide.
std::string help_text(std::string_view command);

}  // namespace ringfold
