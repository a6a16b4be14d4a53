// Stands in for gpu_clocks.cpp where the build has found no CUDA.
#include "kernels/gpu_clocks.h"

namespace ringfold {

std::vector<GpuClocks> gpu_clocks() { return {}; }

}  // namespace ringfold
