#pragma once

#include "lib/kernel.h"
#include "lib/schedule.h"
#include "lib/transport.h"

#include <cstddef>
#include <string>
#include <vector>

namespace ringfold {

/// An operation with its operands resolved to memory: an exchange, or tasks for the kernel in order. Owns no blocks.
struct BoundOperation {
  const char* name = "";                    ///< literal: what other ranks' errors call it
  std::string text;                         ///< "attend 0:[0,4) heads [0,2)": what this rank's errors call it
  std::unique_ptr<BoundExchange> exchange;  ///< null for a compute operation
  std::vector<KernelTask> tasks;
  bool is_done_before = false;  ///< by the operation before it, which fills its memory: this one has no tasks

  /// Enqueues the tasks. Allocates nothing.
  void compute(Kernel& kernel, Queue& queue) const;
};

/// Resolves a whole program to memory: block b stands at arena + offsets[b].
std::vector<BoundOperation> bind_program(const Problem& problem, const Program& program, std::byte* arena,
                                         const Capabilities& capabilities);

}  // namespace ringfold
