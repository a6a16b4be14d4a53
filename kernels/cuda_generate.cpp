#include "kernels/cuda_generate.h"

#include "lib/inputs.h"

namespace ringfold {

CudaGenerate::CudaGenerate(CudaDevice& device, const GeneratedInputs& inputs, InputTensor tensor, const Tensor& to) {
  const Problem& problem = inputs.problem();
  std::vector<InputRun> runs;
  int64_t rows = 0;
  for (const Segment& segment : to.segments) {
    const Sequence& sequence = problem.sequences[static_cast<size_t>(segment.sequence)];
    runs.push_back({rows, segment.row, segment.sequence, segment.begin, sequence.length(), sequence.cached});
    rows += segment.end - segment.begin;
  }
  const size_t offset = tables_.add(runs);
  tables_.send(device);
  launch_.runs = tables_.at<InputRun>(offset);
  launch_.run_count = static_cast<int64_t>(runs.size());
  launch_.recipe = inputs.recipe();
  launch_.mask = problem.mask;
  launch_.tensor = tensor;
  launch_.rounded = problem.dtype;
  launch_.to = to.data;
  launch_.dtype = to.dtype;
  launch_.row_stride = to.row_stride;
  launch_.head_stride = to.head_stride;
  launch_.first_head = to.heads.begin;
  launch_.heads = to.heads.size();
  launch_.group = tensor == InputTensor::q ? problem.heads.group() : 1;
  launch_.rows = rows;
}

}  // namespace ringfold
