#include "lib/fill.h"

namespace ringfold {

void fill_tensor(const InputSource& inputs, InputTensor which, const Tensor& tensor) {
  for (const Segment& segment : tensor.segments) {
    std::byte* first = tensor.data + segment.row * tensor.row_stride * bytes_of(tensor.dtype);
    write_rows(inputs, which, TokenSet::range(segment.sequence, segment.begin, segment.end), tensor.heads, first,
               {tensor.row_stride, tensor.head_stride});
  }
}

}  // namespace ringfold
