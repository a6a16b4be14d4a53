#pragma once

#include "lib/inputs.h"
#include "lib/kernel.h"

namespace ringfold {

/// Writes the tensor's rows, wherever they lie, as the inputs have them.
void fill_tensor(const InputSource& inputs, InputTensor which, const Tensor& tensor);

}  // namespace ringfold
