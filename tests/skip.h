#pragma once

#include <string>

/// Why a test case of this program was skipped, if one was.
inline std::string skipped_because;

/// For a test case that cannot run here, which returns then. If no other one fails, its program ends with kSkipped, so
/// a file's test cases should need the same.
inline void skip_test(const std::string& reason) { skipped_because = reason; }
