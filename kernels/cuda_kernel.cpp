#include "kernels/cuda_kernel.h"

#include "kernels/cuda_generate.h"
#include "kernels/cuda_rotate.h"
#include "kernels/cuda_state.h"
#include "kernels/cuda_work.h"

namespace ringfold {

CudaKernel::CudaKernel(const KernelOptions& options) : device_(options.device, options.threads, options.tick) {}

void CudaKernel::merge(Queue& queue, const MergeTask& task) {
  enqueue_work(queue, task.prepared, [&] { return make_merge(device_, task); });
}

void CudaKernel::finish(Queue& queue, const FinishTask& task) {
  enqueue_work(queue, task.prepared, [&] { return make_finish(device_, task); });
}

void CudaKernel::copy(Queue& queue, const CopyTask& task) {
  enqueue_work(queue, task.prepared, [&] { return std::make_shared<CudaCopy>(device_, task); });
}

void CudaKernel::rotate(Queue& queue, const RotateTask& task) {
  enqueue_work(queue, task.prepared, [&] { return std::make_shared<CudaRotate>(device_, task); });
}

void CudaKernel::project(Queue& queue, const ProjectTask& task) {
  enqueue_work(queue, task.prepared, [&] { return projections_.make(task); });
}

void CudaKernel::prepare(KernelTask& task) {
  if (auto* merge = std::get_if<MergeTask>(&task)) merge->prepared = make_merge(device_, *merge);
  if (auto* finish = std::get_if<FinishTask>(&task)) finish->prepared = make_finish(device_, *finish);
  if (auto* copy = std::get_if<CopyTask>(&task)) copy->prepared = std::make_shared<CudaCopy>(device_, *copy);
  if (auto* rotate = std::get_if<RotateTask>(&task)) rotate->prepared = std::make_shared<CudaRotate>(device_, *rotate);
  if (auto* project = std::get_if<ProjectTask>(&task)) project->prepared = projections_.make(*project);
}

bool CudaKernel::generate(Queue& queue, const GeneratedInputs& inputs, InputTensor tensor, const Tensor& to) {
  enqueue_work(queue, nullptr, [&] { return std::make_shared<CudaGenerate>(device_, inputs, tensor, to); });
  return true;
}

}  // namespace ringfold
