#pragma once

#include <string>

/// For a test case that cannot run here, which returns then. If no other one fails, its program ends with kSkipped, so
/// a file's test cases should need the same.
void skip_test(const std::string& reason);
