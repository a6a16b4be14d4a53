#pragma once

#include "kernels/vector_ops.h"
#include "lib/kernel.h"

namespace ringfold {

/// The kernel `cpu_fast` with the loops of one instruction set; the table's entry takes the fastest.
std::unique_ptr<Kernel> make_cpu_fast(const KernelOptions& options, const VectorOps& ops);

}  // namespace ringfold
