#pragma once

#include "kernels/cuda_attend.h"
#include "kernels/decode_plan.h"

#include <memory>

namespace ringfold {

/// Attends queries that are few for each sequence: AttendParts::few. One launch for all sequences whose heads meet the
/// same keys, and a merge of what several blocks have made of a row.
std::shared_ptr<CudaWork> make_decode(CudaDevice& device, AttendMemory& memory, const AttendTask& task);
/// Of AttendMemory::scratch, what that takes.
int64_t decode_scratch_bytes(const CudaDevice& device, const AttendTask& task);

}  // namespace ringfold
