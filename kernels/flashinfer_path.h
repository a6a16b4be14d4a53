#pragma once

#include "kernels/attend_calls.h"
#include "kernels/flashinfer_call.h"

#include <array>
#include <optional>

namespace ringfold {

/// Head dims that FlashInfer's kernels are compiled for.
inline constexpr std::array<int64_t, 2> kFlashinferDims = {64, 128};

/// The rectangle in the terms of FlashInfer, without its output. A diagonal must end in the corner.
FlashinferCall flashinfer_call(const AttendRegion& region, const AttendCall& call, DType dtype, double scale,
                               double softcap = 0);

/// Which of FlashInfer's two kernels attends.
enum class FlashinferPath {
  sm90,  ///< O in fp32 or 16 bits, any strides of 16 bytes; no window, no softcap
  sm80   ///< O in fp32, whose rows stand whole heads apart, as many as their LSEs stand numbers apart
};

/// The faster one that can do it, or none: nothing takes rows or heads of Q, K and V off 16 bytes.
std::optional<FlashinferPath> flashinfer_path(const FlashinferCall& call, int64_t dim, bool is_hopper);

}  // namespace ringfold
