// flashinfer: prefill attention of FlashInfer's headers in bf16 and fp16, each rectangle of an attend a call: on Hopper
// its kernels for sm_90a, elsewhere and under a window those for sm_80 and later. O of partial results stays in fp32,
// LSEs are natural where they are written. See docs/kernels.md.
#include "kernels/flashinfer.h"

#include "kernels/cuda_attend.h"
#include "kernels/cuda_check.h"
#include "kernels/cuda_devices.h"
#include "kernels/cuda_kernel.h"
#include "kernels/flashinfer_launch.h"
#include "kernels/flashinfer_path.h"
#include "lib/error.h"

#include <algorithm>
#include <utility>

namespace ringfold {

namespace {

using Launch = std::unique_ptr<FlashinferLaunch>;

template <HalfType kType, int kDim>
Launch make_launch(FlashinferPath path, const FlashinferCall& call) {
  switch (path) {
    case FlashinferPath::sm90: return make_flashinfer_sm90<kType, kDim>(call);
    case FlashinferPath::sm80: return make_flashinfer_sm80<kType, kDim>(call);
  }
  RINGFOLD_INVARIANT(false, "path {}", static_cast<int>(path));
}

template <HalfType kType>
Launch make_launch(FlashinferPath path, const FlashinferCall& call, int64_t dim) {
  return dim == 64 ? make_launch<kType, 64>(path, call) : make_launch<kType, 128>(path, call);
}

class FlashinferWork final : public CallWork {
 public:
  explicit FlashinferWork(Launch launch) : launch_(std::move(launch)) {}
  int64_t workspace_bytes() const override { return 0; }
  void enqueue(std::byte*, cudaStream_t stream) const override { RINGFOLD_CUDA_CHECK(launch_->enqueue(stream)); }

 private:
  Launch launch_;
};

std::optional<std::string> refusal(const Problem& problem) {
  if (problem.dtype == DType::fp32) return "problem.dtype: flashinfer attends in bf16 and fp16, not in fp32";
  const int64_t dim = problem.heads.dim;
  if (std::ranges::find(kFlashinferDims, dim) != kFlashinferDims.end()) return std::nullopt;
  return fmt::format("problem.heads.dim: flashinfer is compiled for {}, not for {}",
                     fmt::join(kFlashinferDims, " and "), dim);
}

class Flashinfer final : public CudaKernel {
 public:
  Flashinfer(const KernelOptions& options, bool for_every_device)
      : CudaKernel(options),
        memory_(cuda_device()),
        is_hopper_(!for_every_device && cuda_device_info(options.device).major == 9) {}

  Capabilities capabilities() const override {
    Capabilities can = cuda_capabilities();
    can.refuses = refusal;
    can.softcaps = true;
    can.approximates_tanh = true;
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
    return attend == nullptr ? 0 : attend_scratch_bytes(cuda_device(), *attend, maker_of(*attend));
  }

 private:
  std::shared_ptr<CudaWork> make(const AttendTask& task) {
    cuda_device().context().make_current();
    return make_attend(cuda_device(), memory_, task, maker_of(task));
  }

  CallMaker maker_of(const AttendTask& task) const {
    const auto call_of = [&task](const AttendRegion& region, const AttendCall& call, const CallOutput& output) {
      FlashinferCall made = flashinfer_call(region, call, task.q.dtype, task.scale, task.softcap);
      made.o = output.o;
      made.o_is_fp32 = output.dtype == DType::fp32;
      made.o_strides = output.o_strides;
      made.lse = reinterpret_cast<float*>(output.lse);
      made.lse_strides = output.lse_strides;
      return made;
    };
    CallMaker maker;
    maker.diagonals = Diagonals::in_the_corner;
    maker.can_write = [this, &task, call_of](const AttendRegion& region, const AttendCall& call,
                                             const CallOutput& output) {
      return flashinfer_path(call_of(region, call, output), task.dim, is_hopper_).has_value();
    };
    maker.make = [this, &task, call_of](const AttendRegion& region, const AttendCall& call, const CallOutput& output) {
      const FlashinferCall made = call_of(region, call, output);
      const auto path = flashinfer_path(made, task.dim, is_hopper_);
      RINGFOLD_CHECK(path, ExitCode::unavailable,
                     "flashinfer cannot attend rows and heads off multiples of 16 bytes, or this many: {} x {}",
                     made.q_rows, made.kv_rows);
      return std::make_unique<FlashinferWork>(made.type == HalfType::bf16
                                                  ? make_launch<HalfType::bf16>(*path, made, task.dim)
                                                  : make_launch<HalfType::fp16>(*path, made, task.dim));
    };
    return maker;
  }

  AttendMemory memory_;
  bool is_hopper_;
};

std::string describe() {
  return fmt::format("compiled for sm_90a, and for sm_80 and later; {}", describe_cuda_devices());
}

std::unique_ptr<Kernel> make(const KernelOptions& options) { return make_flashinfer(options, false); }

std::optional<std::string> unavailable() { return cuda_unavailable(); }

}  // namespace

std::unique_ptr<Kernel> make_flashinfer(const KernelOptions& options, bool for_every_device) {
  return std::make_unique<Flashinfer>(options, for_every_device);
}

}  // namespace ringfold

RINGFOLD_KERNEL(flashinfer, "FlashInfer's attention in 16 bits on a GPU", ringfold::unavailable, ringfold::describe,
                ringfold::make, ringfold::cuda_devices, {5e14, 2.5e12, 6e-6, 0, 0}, ringfold::cuda_free_bytes, nullptr,
                ringfold::cuda_memory_gbps)
