#pragma once

#include <string>

// Catch2 is version 2 on Debian 12 and version 3 elsewhere. Tests include this header and no other of Catch2's.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
// Version 3's names.
namespace Catch {
using Detail::Approx;
namespace Matchers {
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Matchers
}  // namespace Catch
#endif

/// The exit status of a test program that cannot run here (no device, no library).
inline constexpr int kSkipped = 77;

/// Roots of the source tree and of the build, for tests that read shipped files or start shipped programs.
std::string source_root();
std::string build_root();
