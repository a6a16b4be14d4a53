#include "kernels/cuda_rotate.h"

#include "kernels/call_strides.h"
#include "kernels/host_rotation.h"
#include "kernels/rows.h"
#include "lib/error.h"

namespace ringfold {

namespace {

/// Do four channels that begin at a multiple of four stand at a multiple of their bytes, in every row and head?
bool is_aligned(const Tensor& tensor) {
  return is_aligned(tensor.data, tensor.dtype, {tensor.row_stride, tensor.head_stride}, 4 * bytes_of(tensor.dtype));
}

}  // namespace

CudaRotate::CudaRotate(CudaDevice& device, const RotateTask& task) {
  RINGFOLD_INVARIANT(task.from.dtype == task.to.dtype, "a rotation from {} to {}", to_string(task.from.dtype),
                     to_string(task.to.dtype));
  const HeadRange heads = task.to.heads;
  if (heads.empty()) return;
  std::vector<RotateRun> runs;
  int64_t rows = 0;
  for_common_rows(task.from.segments, task.to.segments, [&](const CommonRows& common) {
    runs.push_back({rows, common.a_row, common.b_row});
    rows += common.tokens.size();
  });
  RINGFOLD_INVARIANT(rows == rows_in(task.to.segments), "{} rows are rotated to {}", rows, rows_in(task.to.segments));
  const RotationAngles angles = rotation_angles(task);
  const size_t run_list = tables_.add(runs);
  const size_t cosines = tables_.add(angles.cosines);
  const size_t sines = tables_.add(angles.sines);
  tables_.send(device);
  launch_ = {tables_.at<RotateRun>(run_list),
             std::ssize(runs),
             tables_.at<float>(cosines),
             tables_.at<float>(sines),
             row_of(task.from, heads.begin, 0),
             row_of(task.to, heads.begin, 0),
             task.from.row_stride,
             task.from.head_stride,
             task.to.row_stride,
             task.to.head_stride,
             task.to.dtype,
             task.rope.style,
             static_cast<int32_t>(task.dim / 2),
             heads.size(),
             rows};
  launch_.is_aligned = task.dim % 8 == 0 && is_aligned(task.from) && is_aligned(task.to);
}

}  // namespace ringfold
