#pragma once

#include "lib/kernel.h"

namespace ringfold {

/// RotateTask over host memory, run at once in the calling thread.
void rotate_on_host(const RotateTask& task);
/// Keeps a rotation's cosines and sines in the task.
void prepare_on_host(KernelTask& task);

}  // namespace ringfold
