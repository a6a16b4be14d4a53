#pragma once

#include "kernels/attend_calls.h"
#include "kernels/call_strides.h"
#include "lib/kernel.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace ringfold {

/// Where a library's call writes: O and its LSE, first row and head of the call.
struct CallOutput {
  std::byte* o = nullptr;
  DType dtype = DType::fp32;
  CallStrides o_strides;
  std::byte* lse = nullptr;
  CallStrides lse_strides;
};

/// Where a library's calls may write.
struct CallRules {
  /// Of what is not written directly.
  DType partial_dtype = DType::fp32;
  /// Whether partial results are exact enough to be merged: 16 bits are not, see docs/numerics.md. Else what takes
  /// several calls is refused, and keys that lie apart are copied together where one call can take them then.
  bool merges = true;
  /// Can it write where the output says, which is aligned? Null: anywhere. To scratch memory it always can: O in
  /// partial_dtype, [head][row][channel], and the LSE, [head][row].
  std::function<bool(const AttendRegion&, const AttendCall&, const CallOutput&)> can_write = {};
  Diagonals diagonals = Diagonals::anywhere;
};

/// An attend as calls of a library and where each of them writes: where its results belong, if one call alone computes
/// each row of a region and the memory is aligned, and else to scratch memory, whose addresses count from zero.
struct AttendLayout {
  /// Throws Error(unavailable) for what the rules refuse.
  AttendLayout(const AttendTask& task, const CallRules& rules);
  /// Gives what is in scratch memory its addresses there, and says what must be copied there first.
  std::vector<CopyTask> place_scratch(std::byte* memory);

  int64_t dim = 0;
  DType dtype = DType::bf16;  ///< of K and V
  std::vector<AttendRegion> regions;
  std::vector<bool> is_direct;                   ///< of each region
  std::vector<std::vector<CallOutput>> outputs;  ///< of each region's calls
  std::vector<std::byte*> gathers;               ///< where each region's keys are copied to, if they are
  int64_t scratch_bytes = 0;
};

}  // namespace ringfold
