#pragma once

#include <cstdint>
#include <string>

namespace ringfold {

/// Host memory that this process may still use: what the kernel says is available, and what the control group leaves,
/// whichever is less. `root` stands before /proc and /sys (tests).
int64_t available_memory_bytes(const std::string& root = "");
/// Memory of the machine.
int64_t total_memory_bytes(const std::string& root = "");

}  // namespace ringfold
