#pragma once

#include "lib/problem.h"

#include <cstdint>

namespace ringfold {

/// Few queries a sequence: reading K and V takes the time, not attending them.
bool is_decode(const Problem& problem);

/// Whether decoding starts from K and V in memory; else it projects them, which takes longer than to read them.
bool starts_from_kv(const Problem& problem);

/// Bytes of all K and V that some query sees: what must be read at least once by who starts from them.
int64_t seen_kv_bytes(const Problem& problem);

/// What one core reads of memory beyond its caches, in 10^9 bytes a second: the best of a few looks, taken once.
double memory_gbps_core();

}  // namespace ringfold
