#pragma once

#include "lib/inputs.h"

namespace ringfold {

/// The second reference, with another algorithm: one pass over the keys, a running maximum that rescales what was
/// summed (Milakov and Gimelshein, 2018), in long double. Sums are those of RowSums; slow.
ReferenceRow streaming_reference(const InputSource& inputs, const QueryRow& row);

}  // namespace ringfold
