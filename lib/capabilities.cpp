#include "lib/error.h"
#include "lib/kernel.h"

namespace ringfold {

std::optional<std::string> missing_variant(const Capabilities& can, const Problem& problem) {
  if (problem.softcap && !can.softcaps) return "the kernel has no softcap (problem.softcap)";
  if (problem.rope && !can.rotates) return "the kernel has no rotary embedding (problem.rope)";
  if (problem.page_size && !can.pages) return "the kernel has no pages of K and V (problem.kv.page_size)";
  return std::nullopt;
}

void Kernel::rotate(Queue&, const RotateTask&) {
  throw Error(ExitCode::unavailable, "the kernel has no rotary embedding (problem.rope)");
}

}  // namespace ringfold
