#pragma once

#include "lib/kernel.h"
#include "lib/problem.h"

#include <cstdint>

namespace ringfold {

/// Few queries a sequence: reading K and V takes the time, not attending them.
bool is_decode(const Problem& problem);

/// Whether decoding starts from K and V in memory; else it projects them, which takes longer than to read them.
bool starts_from_kv(const Problem& problem);

/// Bytes of all K and V that some query sees: what must be read at least once by who starts from them.
int64_t seen_kv_bytes(const Problem& problem);

/// What a rank of this kernel may read of memory beyond the caches, in 10^9 bytes a second, measured once: on the host,
/// `threads` times the best of a few looks of one core; on a device, what a copy within its memory reads and writes. 0:
/// not known.
double memory_gbps(const KernelInfo& kernel, int threads);

}  // namespace ringfold
