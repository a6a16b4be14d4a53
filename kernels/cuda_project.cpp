#include "kernels/cuda_project.h"

#include "kernels/rows.h"

#include <utility>

namespace ringfold {

namespace {

class CudaProjection final : public CudaWork {
 public:
  CudaProjection(std::shared_ptr<CublasLt> library, std::shared_ptr<std::byte> workspace, const ProjectTask& task)
      : library_(std::move(library)), workspace_(std::move(workspace)) {
    if (task.to.heads.empty()) return;
    LtShape shape;
    shape.dtype = task.to.dtype;
    shape.hidden = task.hidden;
    shape.channels = task.dim;
    shape.heads = task.to.heads.size();
    shape.x_row_stride = task.x.row_stride;
    shape.w_row_stride = task.w.row_stride;
    shape.w_head_stride = task.w.head_stride;
    shape.to_row_stride = task.to.row_stride;
    shape.to_head_stride = task.to.head_stride;
    const int64_t head = task.to.heads.begin;
    const std::byte* w = row_of(task.w, head, task.w.segments.front().row);
    for_common_rows(task.x.segments, task.to.segments, [&](const CommonRows& run) {
      shape.rows = run.tokens.size();
      const std::byte* x = row_of(task.x, task.x.heads.begin, run.a_row);
      products_.push_back(library_->product(shape, {x, w, row_of(task.to, head, run.b_row)}));
    });
  }

  void enqueue(cudaStream_t stream) const override {
    for (const auto& product : products_) product->run(workspace_.get(), stream);
  }

 private:
  std::shared_ptr<CublasLt> library_;
  std::shared_ptr<std::byte> workspace_;
  std::vector<std::unique_ptr<LtProduct>> products_;  // before the library goes
};

}  // namespace

std::shared_ptr<CudaWork> CudaProjections::make(const ProjectTask& task) {
  device_.context().make_current();
  if (!library_) {
    library_ = std::make_shared<CublasLt>();
    workspace_ = device_.allocate(CublasLt::kWorkspaceBytes);
  }
  return std::make_shared<CudaProjection>(library_, workspace_, task);
}

}  // namespace ringfold
