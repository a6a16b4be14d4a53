#pragma once

#include <string>

namespace ringfold {

/// Processor time of this thread: other programs on the machine do not count.
double thread_seconds();

/// fp32 operations a second of this core, two a lane of a fused multiply-add, by a loop of independent ones in the
/// widest vectors that the core has; takes some `seconds`.
double fma_peak(double seconds);

/// Model and widest vectors, for the head of a table.
std::string describe_core();

}  // namespace ringfold
