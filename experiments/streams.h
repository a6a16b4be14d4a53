#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace ringfold {

/// Gives a program that was started without standard input, output or error something in its place, or else the next
/// file that it opens would get what is meant for them. To write there is an error all the same.
void fill_standard_streams();

/// Shows text on standard error at once. That nobody can read it, as on a full disk, ends no run.
void tell(std::string_view text);

template <typename... Args>
void tell(fmt::format_string<Args...> format, Args&&... args) {
  tell(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace ringfold
