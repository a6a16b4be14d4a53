#pragma once

#include "lib/check_findings.h"

namespace ringfold {

/// Where buffers are assigned: proves that blocks lie aligned within the arena and that no two that are needed at the
/// same time overlap, but a state folded in place. Lifetimes are those of program order; that is enough for two queues
/// since an operation that fills memory waits for all earlier ones, in program order, that use it (see executor.h).
/// Requires check_structure().
void check_memory(const Schedule& schedule, Findings& findings);

}  // namespace ringfold
