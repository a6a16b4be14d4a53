#include "kernels/cuda_attend.h"

#include "kernels/attend_parts.h"
#include "kernels/cuda_decode.h"
#include "kernels/gather_pages.h"
#include "kernels/rows.h"

#include <algorithm>
#include <map>

namespace ringfold {
namespace {

class AttendWork final : public CudaWork {
 public:
  void enqueue(cudaStream_t stream) const override {
    for (const auto& copy : copies) copy->enqueue(stream);
    for (const auto& call : calls) call->enqueue(workspace.get(), stream);
    for (const auto& merge : merges) merge->enqueue(stream);
  }

  std::vector<std::shared_ptr<CudaWork>> copies;  ///< from pages, then of keys that lie apart
  std::vector<std::unique_ptr<CallWork>> calls;
  std::vector<std::shared_ptr<CudaWork>> merges;
  std::shared_ptr<std::byte> scratch;
  std::shared_ptr<std::byte> workspace;
};

class AttendMaker {
 public:
  AttendMaker(CudaDevice& device, AttendMemory& memory, const AttendTask& task, const CallMaker& maker)
      : device_(device),
        workspace_(memory.workspace),
        task_(task),
        maker_(maker),
        layout_(task, maker),
        o_(task.finish ? task.finish->out : task.state.o),
        lse_(task.finish ? task.finish->lse : task.state.lse) {}

  /// `results`: where the layout's scratch memory begins.
  std::shared_ptr<AttendWork> make(std::byte* results, const std::vector<CopyTask>& first) {
    for (const CopyTask& copy : first) work_->copies.push_back(std::make_shared<CudaCopy>(device_, copy));
    for (const CopyTask& copy : layout_.place_scratch(results)) {
      work_->copies.push_back(std::make_shared<CudaCopy>(device_, copy));
    }
    for (size_t i = 0; i < layout_.regions.size(); ++i) {
      const AttendRegion& region = layout_.regions[i];
      for (size_t call = 0; call < region.calls.size(); ++call) {
        work_->calls.push_back(maker_.make(region, region.calls[call], layout_.outputs[i][call]));
      }
    }
    make_workspace();
    make_merges();
    return work_;
  }

 private:
  /// All calls share it.
  void make_workspace() {
    int64_t bytes = 0;
    for (const auto& call : work_->calls) bytes = std::max(bytes, call->workspace_bytes());
    work_->workspace = workspace_.at_least(bytes);
  }

  /// One merge for the heads that meet the same keys: of all rows that no call writes directly.
  void make_merges() {
    std::map<HeadRange, std::vector<size_t>> by_heads;
    for (size_t i = 0; i < layout_.regions.size(); ++i) {
      if (!layout_.is_direct[i]) by_heads[layout_.regions[i].query_heads].push_back(i);
    }
    for (const auto& [heads, regions] : by_heads) {
      MergeTarget merged;
      merged.rows = state_rows(o_, lse_, heads.begin);
      merged.heads = heads.size();
      std::vector<StatePart> parts;
      for (const size_t i : regions) {
        merged.spans.push_back({layout_.regions[i].row, layout_.regions[i].rows});
        add_parts(layout_.regions[i], layout_.outputs[i], parts);
      }
      // Folding into nothing changes no bit.
      if (parts.empty() && task_.fold && !task_.finish) continue;
      MergeOptions options;
      options.fold = task_.fold && !task_.finish;
      work_->merges.push_back(std::make_shared<CudaMerge>(device_, merged, parts, task_.dim, options));
    }
  }

  void add_parts(const AttendRegion& region, const std::vector<CallOutput>& outputs,
                 std::vector<StatePart>& parts) const {
    const int64_t heads = region.query_heads.size();
    if (task_.fold && task_.finish) {
      const StateRows state = state_rows(task_.state.o, task_.state.lse, region.query_heads.begin);
      parts.push_back({rows_from(state, region.row), region.row, region.rows, 0, heads, false});
    }
    for (size_t i = 0; i < region.calls.size(); ++i) {
      const CallOutput& output = outputs[i];
      const StateRows rows{output.o,
                           output.dtype,
                           output.o_strides.row,
                           output.o_strides.head,
                           reinterpret_cast<float*>(output.lse),
                           output.lse_strides.row,
                           output.lse_strides.head};
      parts.push_back({rows, region.calls[i].row, region.calls[i].q_rows, 0, heads, false});
    }
  }

  CudaDevice& device_;
  CudaScratch& workspace_;
  const AttendTask& task_;
  const CallMaker& maker_;
  AttendLayout layout_;
  const Tensor& o_;
  const Tensor& lse_;
  std::shared_ptr<AttendWork> work_ = std::make_shared<AttendWork>();
};

}  // namespace

std::shared_ptr<std::byte> CudaScratch::at_least(int64_t bytes) {
  if (bytes > bytes_) {
    memory_ = device_.allocate(bytes);
    bytes_ = bytes;
  }
  return memory_;
}

std::shared_ptr<CudaWork> make_attend(CudaDevice& device, AttendMemory& memory, const AttendTask& task,
                                      const CallMaker& maker) {
  const AttendParts parts = split_by_queries(task);
  std::vector<std::shared_ptr<CudaWork>> works;
  const std::shared_ptr<std::byte> scratch = memory.scratch.at_least(attend_scratch_bytes(device, task, maker));
  if (rows_in(parts.few.q.segments) > 0) works.push_back(make_decode(device, memory, parts.few));
  if (rows_in(parts.many.q.segments) > 0) {
    const GatheredPages gathered = gather_pages(parts.many, scratch.get());
    auto work = AttendMaker(device, memory, gathered.task, maker).make(scratch.get() + gathered.bytes, gathered.copies);
    work->scratch = scratch;
    works.push_back(std::move(work));
  }
  return std::make_shared<CudaWorks>(std::move(works));
}

int64_t attend_scratch_bytes(const CudaDevice& device, const AttendTask& task, const CallRules& rules) {
  const AttendParts parts = split_by_queries(task);
  // One after the other use it.
  int64_t bytes = 0;
  if (rows_in(parts.few.q.segments) > 0) bytes = decode_scratch_bytes(device, parts.few);
  if (rows_in(parts.many.q.segments) > 0) {
    const GatheredPages gathered = gather_pages(parts.many, nullptr);
    bytes = std::max(bytes, gathered.bytes + AttendLayout(gathered.task, rules).scratch_bytes);
  }
  return bytes;
}

}  // namespace ringfold
