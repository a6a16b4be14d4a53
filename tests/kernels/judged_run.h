#pragma once

#include "lib/judge.h"
#include "lib/kernel.h"

#include <cstddef>
#include <vector>

namespace ringfold::testing {

/// How the keys of every sequence reach the kernel, in P shards of nearly equal length.
enum class Folding {
  in_kernel,  ///< each attend folds into the state of those before
  merged      ///< each shard has a state of its own; the kernel's merge joins them in order
};

/// A kernel's O and LSE for all rows of a problem; the memory that `rows` points to lives here.
struct JudgedRun {
  std::vector<std::byte> out;
  std::vector<float> lse;
  OutputRows rows;
  Accumulation how;
};
JudgedRun run_kernel(Kernel& kernel, const InputSource& inputs, int64_t shards, Folding folding);

}  // namespace ringfold::testing
