#pragma once

#include "lib/bound_program.h"
#include "lib/kernel.h"
#include "lib/schedule.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace ringfold {

/// Prepares all tasks, first those that need most scratch memory: the others share it. `tick` is called in between.
void prepare_tasks(Kernel& kernel, std::vector<BoundOperation>& operations, const std::function<void()>& tick);

/// What preparing a program's tasks takes of a kernel's device beside the program's own memory: as much as the task
/// that needs most. Touches no memory. Throws Error(unavailable) where the kernel cannot do a task.
int64_t scratch_bytes(const Kernel& kernel, const Problem& problem, const Program& program);

}  // namespace ringfold
