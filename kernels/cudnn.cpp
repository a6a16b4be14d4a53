// cudnn: scaled dot product attention of cuDNN in bf16 and fp16, all keys of a query in one call, since O has 16 bits,
// too few to be merged. It is written where it belongs if the plan finishes there. See docs/kernels.md.
#include "kernels/cuda_attend.h"
#include "kernels/cuda_devices.h"
#include "kernels/cuda_kernel.h"
#include "kernels/cudnn_rates.h"
#include "kernels/cudnn_sdpa.h"
#include "kernels/cudnn_support.h"
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
  explicit Cudnn(const KernelOptions& options) : CudaKernel(options), memory_(cuda_device()) {}

  Capabilities capabilities() const override {
    Capabilities can = cuda_capabilities();
    can.folds = false;
    can.refuses = [](const Problem& problem) { return sdpa_support().refusal(problem); };
    return can;
  }

  void attend(Queue& queue, const AttendTask& task) override {
    enqueue_work(queue, task.prepared, [&] { return make(task); });
  }

  void prepare(KernelTask& task) override {
    if (auto* attend = std::get_if<AttendTask>(&task)) attend->prepared = make(*attend);
    CudaKernel::prepare(task);
  }

  int64_t scratch_bytes(const KernelTask& task) const override {
    const auto* attend = std::get_if<AttendTask>(&task);
    return attend == nullptr ? 0 : attend_scratch_bytes(cuda_device(), *attend, rules(attend->q.dtype));
  }

 private:
  static CallRules rules(DType dtype) {
    CallRules rules;
    // Asked for O in fp32, cuDNN 9.14 to 9.19 plan without a word and write 16 bits.
    rules.partial_dtype = dtype;
    rules.can_write = [](const AttendRegion&, const AttendCall&, const CallOutput& output) {
      return output.dtype != DType::fp32;
    };
    rules.merges = false;
    return rules;
  }

  std::shared_ptr<CudaWork> make(const AttendTask& task) {
    cuda_device().context().make_current();
    if (!sdpa_) sdpa_ = std::make_unique<CudnnSdpa>();
    CallMaker maker{rules(task.q.dtype), {}};
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

  AttendMemory memory_;
  std::unique_ptr<CudnnSdpa> sdpa_;  ///< starts with the first attend
};

std::optional<std::string> unavailable() {
  if (auto reason = cuda_unavailable()) return reason;
  return cudnn_missing();
}

std::string describe() { return fmt::format("{}; {}", cudnn_version_text(), describe_cuda_devices()); }

std::unique_ptr<Kernel> make(const KernelOptions& options) { return std::make_unique<Cudnn>(options); }

std::string support() {
  try {
    return sdpa_support().summary();
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

}  // namespace ringfold

RINGFOLD_KERNEL(cudnn, "cuDNN's attention in 16 bits on a GPU", ringfold::unavailable, ringfold::describe,
                ringfold::make, ringfold::cuda_devices, ringfold::kCudnnRates, ringfold::cuda_free_bytes,
                ringfold::support, ringfold::cuda_memory_gbps)
