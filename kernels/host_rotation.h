#pragma once

#include "lib/kernel.h"

#include <vector>

namespace ringfold {

/// [row][dim / 2], for the rows of the task's `to` in the order of its segments; fp32 values.
struct RotationAngles {
  std::vector<float> cosines;
  std::vector<float> sines;
};
RotationAngles rotation_angles(const RotateTask& task);

/// RotateTask over host memory, run at once in the calling thread.
void rotate_on_host(const RotateTask& task);
/// Keeps a rotation's cosines and sines in the task.
void prepare_on_host(KernelTask& task);

}  // namespace ringfold
