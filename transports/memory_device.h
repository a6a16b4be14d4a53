#pragma once

#include "lib/transport.h"

#include <cuda_runtime.h>

namespace ringfold {

/// The device of announced memory; `otherwise` where there is none. Throws Error(internal) for memory of the host, or,
/// if `is_bound`, of another device than `otherwise`.
int device_of(const AnnouncedMemory& memory, bool is_bound, int otherwise, int rank);

/// Makes a stream wait for a fence, without the host where the fence allows it. Null: for nothing.
void wait_on_stream(cudaStream_t stream, Fence* after);

}  // namespace ringfold
