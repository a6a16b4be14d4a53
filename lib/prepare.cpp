#include "lib/prepare.h"

#include <algorithm>
#include <utility>

namespace ringfold {

void prepare_tasks(Kernel& kernel, std::vector<BoundOperation>& operations, const std::function<void()>& tick) {
  std::vector<std::pair<int64_t, KernelTask*>> tasks;
  for (BoundOperation& operation : operations) {
    for (KernelTask& task : operation.tasks) tasks.emplace_back(kernel.scratch_bytes(task), &task);
  }
  std::stable_sort(tasks.begin(), tasks.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [bytes, task] : tasks) {
    kernel.prepare(*task);
    tick();
  }
}

int64_t scratch_bytes(const Kernel& kernel, const Problem& problem, const Program& program) {
  int64_t most = 0;
  for (const BoundOperation& operation : bind_program(problem, program, nullptr, kernel.capabilities())) {
    for (const KernelTask& task : operation.tasks) most = std::max(most, kernel.scratch_bytes(task));
  }
  return most;
}

}  // namespace ringfold
