#pragma once

#include "lib/inputs.h"
#include "lib/kernel.h"
#include "lib/schedule.h"

#include <vector>

namespace ringfold {

/// What the planes of an input block hold.
std::vector<InputTensor> input_planes(BlockKind kind);

/// Writes the tensor's rows, wherever they lie, as the inputs have them.
void fill_tensor(const InputSource& inputs, InputTensor which, const Tensor& tensor);

}  // namespace ringfold
