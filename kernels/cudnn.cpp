// cudnn: scaled dot product attention of cuDNN in bf16 and fp16, all keys of a query in one call, since O has 16 bits,
// too few to be merged. It is written where it belongs if the plan finishes there. See docs/kernels.md.
#include "kernels/cuda_attend.h"
#include "kernels/cuda_devices.h"
#include "kernels/cuda_kernel.h"
#include "kernels/cudnn_rates.h"
#include "kernels/cudnn_sdpa.h"
#include "lib/error.h"

namespace ringfold {

namespace {

SdpaStrides strides_of(const CallStrides& strides) { return {strides.row, strides.head}; }

class CudnnCall final : public CallWork {
 public:
  CudnnCall(SdpaPlan& plan, const SdpaMemory& memory) : plan_(plan), memory_(memory) {}
  int64_t workspace_bytes() const override { return plan_.workspace_bytes(); }
  void enqueue(std::byte* workspace, cudaStream_t stream) const override { plan_.run(memory_, workspace, stream); }

 private:
  SdpaPlan& plan_;
  SdpaMemory memory_;
};

class Cudnn final : public CudaKernel {
 public:
  explicit Cudnn(const KernelOptions& options) : CudaKernel(options), memory_(cuda_device()) {
    cuda_device().context().make_current();
    sdpa_ = std::make_unique<CudnnSdpa>();
  }

  Capabilities capabilities() const override {
    Capabilities can = cuda_capabilities();
    can.folds = false;
    can.refuses = [this](const Problem& problem) { return refusal(problem); };
    can.finishes = true;
    return can;
  }

  void attend(Queue& queue, const AttendTask& task) override {
    enqueue_work(queue, task.prepared, [&] { return make(task); });
  }

  void prepare(KernelTask& task) override {
    if (auto* attend = std::get_if<AttendTask>(&task)) attend->prepared = make(*attend);
    CudaKernel::prepare(task);
  }

 private:
  std::shared_ptr<CudaWork> make(const AttendTask& task) {
    cuda_device().context().make_current();
    CallMaker maker;
    // Asked for O in fp32, cuDNN 9.14 to 9.19 plan without a word and write 16 bits.
    maker.partial_dtype = task.q.dtype;
    maker.can_write = [](const AttendRegion&, const AttendCall&, const CallOutput& output) {
      return output.dtype != DType::fp32;
    };
    maker.merges = false;
    maker.make = [&](const AttendRegion& region, const AttendCall& call, const CallOutput& output) {
      const SdpaShape shape{task.q.dtype,
                            output.dtype,
                            region.query_heads.size(),
                            region.kv_heads,
                            call.q_rows,
                            call.kv_rows,
                            task.dim,
                            strides_of(call.q_strides),
                            strides_of(call.k_strides),
                            strides_of(call.v_strides),
                            strides_of(output.o_strides),
                            strides_of(output.lse_strides),
                            call.is_masked,
                            call.offset,
                            call.window,
                            task.scale};
      const SdpaMemory memory{call.q, call.k, call.v, output.o, output.lse};
      return std::make_unique<CudnnCall>(sdpa_->plan(shape), memory);
    };
    return make_attend(cuda_device(), memory_, task, maker);
  }

  /// The library is asked: a small square of the problem's heads.
  std::optional<std::string> refusal(const Problem& problem) const {
    if (problem.dtype == DType::fp32) return "problem.dtype: cudnn attends in bf16 and fp16, not in fp32";
    const Heads& heads = problem.heads;
    SdpaShape shape;
    shape.dtype = problem.dtype;
    shape.query_heads = heads.group();
    shape.q_rows = shape.kv_rows = 128;
    shape.dim = heads.dim;
    shape.q = shape.o = {heads.dim, 128 * heads.dim};
    shape.k = shape.v = {2 * heads.dim, 2 * heads.dim};
    shape.lse = {1, 128};
    shape.is_masked = problem.mask.kind != MaskKind::full;
    shape.scale = problem.softmax_scale();
    try {
      sdpa_->plan(shape);
    } catch (const Error& error) {
      return fmt::format("problem.heads.dim: {} is not for {}: {}", heads.dim, cudnn_version_text(), error.what());
    }
    return std::nullopt;
  }

  AttendMemory memory_;
  std::unique_ptr<CudnnSdpa> sdpa_;
};

std::optional<std::string> unavailable() {
  if (auto reason = cuda_unavailable()) return reason;
  return cudnn_missing();
}

std::string describe() { return fmt::format("{}; {}", cudnn_version_text(), describe_cuda_devices()); }

std::unique_ptr<Kernel> make(const KernelOptions& options) { return std::make_unique<Cudnn>(options); }

}  // namespace

}  // namespace ringfold

RINGFOLD_KERNEL(cudnn, "cuDNN's attention in 16 bits on a GPU", ringfold::unavailable, ringfold::describe,
                ringfold::make, ringfold::cuda_devices, ringfold::kCudnnRates)
