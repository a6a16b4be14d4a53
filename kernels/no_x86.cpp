// Compiled in the place of vector_ops_avx2.cpp and vector_ops_avx512.cpp on other architectures.
#include "kernels/vector_ops.h"

namespace ringfold {

const VectorOps* avx512_ops() { return nullptr; }
const VectorOps* avx2_ops() { return nullptr; }

}  // namespace ringfold
