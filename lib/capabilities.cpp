#include "lib/error.h"
#include "lib/kernel.h"

namespace ringfold {

namespace {
constexpr const char* kNoProjections = "the kernel does not project hidden states (problem.layer)";
}

std::optional<std::string> missing_variant(const Capabilities& can, const Problem& problem) {
  if (problem.softcap && !can.softcaps) return "the kernel has no softcap (problem.softcap)";
  if (problem.rope && !can.rotates) return "the kernel has no rotary embedding (problem.rope)";
  if (problem.page_size && !can.pages) return "the kernel has no pages of K and V (problem.kv.page_size)";
  if (problem.layer && !can.projects) return kNoProjections;
  return std::nullopt;
}

void Kernel::rotate(Queue&, const RotateTask&) {
  throw Error(ExitCode::unavailable, "the kernel has no rotary embedding (problem.rope)");
}

void Kernel::project(Queue&, const ProjectTask&) { throw Error(ExitCode::unavailable, kNoProjections); }

}  // namespace ringfold
