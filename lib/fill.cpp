#include "lib/fill.h"

#include "lib/error.h"

namespace ringfold {

std::vector<InputTensor> input_planes(BlockKind kind) {
  switch (kind) {
    case BlockKind::q: return {InputTensor::q};
    case BlockKind::kv: return {InputTensor::k, InputTensor::v};
    case BlockKind::hidden: return {InputTensor::x};
    case BlockKind::wq: return {InputTensor::wq};
    case BlockKind::wkv: return {InputTensor::wk, InputTensor::wv};
    case BlockKind::state:
    case BlockKind::out:
    case BlockKind::lse: break;
  }
  RINGFOLD_INVARIANT(false, "a {} block is an input", to_string(kind));
}

void fill_tensor(const InputSource& inputs, InputTensor which, const Tensor& tensor) {
  // The heads of hidden states are the channels of one row.
  const HeadRange heads = which == InputTensor::x ? HeadRange{0, 1} : tensor.heads;
  for (const Segment& segment : tensor.segments) {
    std::byte* first = tensor.data + segment.row * tensor.row_stride * bytes_of(tensor.dtype);
    write_rows(inputs, which, TokenSet::range(segment.sequence, segment.begin, segment.end), heads, first,
               {tensor.row_stride, tensor.head_stride});
  }
}

}  // namespace ringfold
