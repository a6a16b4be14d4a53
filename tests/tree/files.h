#pragma once

#include "tests/catch.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

/// The whole text of a file of the source tree; empty if there is none.
inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

/// Sorted paths, relative to the root, of the C++ and CUDA sources below a folder.
inline std::vector<std::string> sources_of(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(source_root()) / folder)) {
    const std::string extension = entry.path().extension().string();
    const bool is_source = extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".cuh";
    if (is_source) found.push_back(fs::relative(entry.path(), source_root()).generic_string());
  }
  std::sort(found.begin(), found.end());
  return found;
}
