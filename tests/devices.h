#pragma once

namespace ringfold {

/// Set by a test that cannot run for want of a device: its program then ends with kSkipped, unless another test fails.
inline bool has_skipped = false;

}  // namespace ringfold
