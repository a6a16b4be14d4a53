// FlashInfer's kernels for every device since sm_80.
#include "kernels/flashinfer_sm80.cuh"

namespace ringfold {

namespace {

template <typename Element, int kDim, bool kCapped>
std::unique_ptr<FlashinferLaunch> make_launch(const FlashinferCall& call) {
  if (call.is_causal) return std::make_unique<portable::Launch<Element, kDim, true, kCapped>>(call);
  return std::make_unique<portable::Launch<Element, kDim, false, kCapped>>(call);
}

}  // namespace

template <HalfType kType, int kDim>
std::unique_ptr<FlashinferLaunch> make_flashinfer_sm80(const FlashinferCall& call) {
  using Element = std::conditional_t<kType == HalfType::bf16, nv_bfloat16, half>;
  if (call.softcap > 0) return make_launch<Element, kDim, true>(call);
  return make_launch<Element, kDim, false>(call);
}

template std::unique_ptr<FlashinferLaunch> make_flashinfer_sm80<HalfType::bf16, 64>(const FlashinferCall& call);
template std::unique_ptr<FlashinferLaunch> make_flashinfer_sm80<HalfType::bf16, 128>(const FlashinferCall& call);
template std::unique_ptr<FlashinferLaunch> make_flashinfer_sm80<HalfType::fp16, 64>(const FlashinferCall& call);
template std::unique_ptr<FlashinferLaunch> make_flashinfer_sm80<HalfType::fp16, 128>(const FlashinferCall& call);

}  // namespace ringfold
