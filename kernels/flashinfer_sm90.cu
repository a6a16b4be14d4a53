// FlashInfer's kernels for Hopper. Its headers take most of the time to compile: one unit for all.
#include "kernels/flashinfer_sm90.cuh"

namespace ringfold {

template <HalfType kType, int kDim>
std::unique_ptr<FlashinferLaunch> make_flashinfer_sm90(const FlashinferCall& call) {
  using Element = std::conditional_t<kType == HalfType::bf16, cutlass::bfloat16_t, cutlass::half_t>;
  if (call.is_causal) return std::make_unique<hopper::Launch<Element, kDim, true>>(call);
  return std::make_unique<hopper::Launch<Element, kDim, false>>(call);
}

template std::unique_ptr<FlashinferLaunch> make_flashinfer_sm90<HalfType::bf16, 64>(const FlashinferCall& call);
template std::unique_ptr<FlashinferLaunch> make_flashinfer_sm90<HalfType::bf16, 128>(const FlashinferCall& call);
template std::unique_ptr<FlashinferLaunch> make_flashinfer_sm90<HalfType::fp16, 64>(const FlashinferCall& call);
template std::unique_ptr<FlashinferLaunch> make_flashinfer_sm90<HalfType::fp16, 128>(const FlashinferCall& call);

}  // namespace ringfold
