#pragma once

#include <string>
#include <string_view>

namespace ringfold {

/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
/// Of a file's content. Throws Error(configuration) naming the file if it cannot be read.
std::string sha256_hex_of_file(const std::string& path);

}  // namespace ringfold
