#include "kernels/cuda_state.h"

#include "kernels/rows.h"
#include "kernels/state_parts.h"
#include "lib/error.h"

#include <algorithm>

namespace ringfold {

namespace {

bool same_rows(const Tensor& a, const Tensor& b) {
  const auto same = [](const Segment& x, const Segment& y) {
    return x.sequence == y.sequence && x.begin == y.begin && x.end == y.end && x.row == y.row;
  };
  return a.heads == b.heads && std::ranges::equal(a.segments, b.segments, same);
}

/// What the target holds, as parts of itself.
std::vector<StatePart> own_parts(const MergeTarget& target) {
  std::vector<StatePart> parts;
  for (const RowSpan& span : target.spans) {
    parts.push_back({rows_from(target.rows, span.begin), span.begin, span.count, 0, target.heads, false});
  }
  return parts;
}

}  // namespace

CudaMerge::CudaMerge(CudaDevice& device, const MergeTarget& target, std::span<const StatePart> parts, int64_t dim,
                     const MergeOptions& options) {
  std::vector<StatePart> all;
  if (options.fold) all = own_parts(target);
  all.insert(all.end(), parts.begin(), parts.end());
  const MergeTables tables = plan_merge(target.spans, all);
  RINGFOLD_CHECK(tables.most_entries <= kMostMergeEntries, ExitCode::unavailable,
                 "a merge of {} parts a row; at most {} fit", tables.most_entries, kMostMergeEntries);
  RINGFOLD_INVARIANT(!options.verbatim || tables.most_entries <= 1, "{} parts of a row are to be converted",
                     tables.most_entries);
  RINGFOLD_INVARIANT(dim > 0 && dim <= INT32_MAX / 2, "rows of {} channels", dim);
  const size_t runs = tables_.add(tables.runs);
  const size_t entries = tables_.add(tables.entries);
  const size_t part_list = tables_.add(all);
  tables_.send(device);
  launch_ = {tables_.at<MergeRun>(runs),
             static_cast<int64_t>(tables.runs.size()),
             tables_.at<int32_t>(entries),
             tables_.at<StatePart>(part_list),
             target.rows,
             tables.rows,
             target.heads,
             static_cast<int32_t>(dim),
             tables.most_entries,
             options.verbatim};
  launch_.tile_rows = merge_tile_rows(launch_, device.context().multiprocessors);
}

void CudaMerge::enqueue(cudaStream_t stream) const { launch_merge(launch_, stream); }

CudaCopy::CudaCopy(CudaDevice& device, const CopyTask& task) {
  const CopyTables plan = plan_copy(task);
  const size_t runs = tables_.add(plan.runs);
  tables_.send(device);
  launch_ = {tables_.at<CopyRun>(runs),
             static_cast<int64_t>(plan.runs.size()),
             plan.from,
             plan.to,
             plan.rows,
             plan.heads,
             plan.from_stride,
             plan.to_stride,
             plan.from_head_stride,
             plan.to_head_stride,
             plan.row_bytes,
             plan.unit};
}

void CudaCopy::enqueue(cudaStream_t stream) const { launch_copy(launch_, stream); }

std::shared_ptr<CudaWork> make_merge(CudaDevice& device, const MergeTask& task) {
  const MergeTarget target{state_rows(task.state.o, &task.state.lse), task.state.o.heads.size(),
                           spans_of(task.state.o.segments)};
  return std::make_shared<CudaMerge>(device, target, parts_of(task.parts, task.state.o), task.dim);
}

std::shared_ptr<CudaWork> make_finish(CudaDevice& device, const FinishTask& task) {
  const bool at_once = same_rows(task.out, task.lse);
  const MergeTarget target{state_rows(task.out, at_once ? &task.lse : nullptr), task.out.heads.size(),
                           spans_of(task.out.segments)};
  const std::vector<StatePart> parts = parts_of({&task.state, 1}, task.out);
  int64_t rows = 0;
  for (const StatePart& part : parts) rows += part.heads == target.heads ? part.rows : 0;
  RINGFOLD_INVARIANT(rows == rows_in(task.out.segments), "a state of fewer rows than its O is finished");
  auto o = std::make_shared<CudaMerge>(device, target, parts, task.dim, MergeOptions{.verbatim = true});
  if (at_once) return o;
  // O and LSE to different rows: two passes.
  auto lse = std::make_shared<CudaCopy>(device, CopyTask{task.state.lse, task.lse, 1});
  return std::make_shared<CudaWorks>(std::vector<std::shared_ptr<CudaWork>>{o, lse});
}

}  // namespace ringfold
