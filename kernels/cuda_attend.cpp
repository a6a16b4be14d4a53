#include "kernels/cuda_attend.h"

#include "kernels/attend_parts.h"
#include "kernels/cuda_decode.h"
#include "kernels/gather_pages.h"
#include "kernels/rows.h"
#include "lib/error.h"

#include <algorithm>
#include <map>
#include <utility>

namespace ringfold {
namespace {

constexpr int64_t kAlignment = 256;
/// What libraries ask of addresses and strides of what they write.
constexpr int64_t kVector = 16;

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class AttendWork final : public CudaWork {
 public:
  void enqueue(cudaStream_t stream) const override {
    for (const auto& copy : copies) copy->enqueue(stream);
    for (const auto& call : calls) call->enqueue(workspace.get(), stream);
    for (const auto& merge : merges) merge->enqueue(stream);
  }

  std::vector<std::shared_ptr<CudaWork>> copies;  ///< from pages
  std::vector<std::unique_ptr<CallWork>> calls;
  std::vector<std::shared_ptr<CudaWork>> merges;
  std::shared_ptr<std::byte> gathered;
  std::shared_ptr<std::byte> scratch;
  std::shared_ptr<std::byte> workspace;
};

/// Scratch memory that is laid out before it is there: addresses count from zero.
class ScratchLayout {
 public:
  int64_t take(int64_t bytes) { return std::exchange(bytes_, bytes_ + aligned(bytes)); }
  int64_t bytes() const { return bytes_; }

 private:
  int64_t bytes_ = 0;
};

class AttendMaker {
 public:
  AttendMaker(CudaDevice& device, AttendMemory& memory, const AttendTask& task, const CallMaker& maker)
      : device_(device),
        scratch_(memory.partials),
        workspace_(memory.workspace),
        task_(task),
        maker_(maker),
        regions_(split_attend(task, maker.diagonals)),
        o_(task.finish ? task.finish->out : task.state.o),
        lse_(task.finish ? task.finish->lse : task.state.lse) {}

  std::shared_ptr<AttendWork> make() {
    ScratchLayout layout;
    std::vector<std::vector<CallOutput>> outputs;
    for (const AttendRegion& region : regions_) {
      check_partials(region);
      is_direct_.push_back(is_direct(region));
      outputs.push_back(is_direct_.back() ? targets(region) : lay_out(region, layout));
    }
    work_->scratch = scratch_.at_least(layout.bytes());
    for (size_t i = 0; i < regions_.size(); ++i) {
      if (!is_direct_[i]) move_to(work_->scratch.get(), outputs[i]);
      for (size_t call = 0; call < regions_[i].calls.size(); ++call) {
        work_->calls.push_back(maker_.make(regions_[i], regions_[i].calls[call], outputs[i][call]));
      }
    }
    make_workspace();
    make_merges(outputs);
    return work_;
  }

 private:
  bool is_direct(const AttendRegion& region) const {
    if (task_.fold || !region.has_one_call_a_row()) return false;
    for (const AttendCall& call : region.calls) {
      const CallOutput output = target(region, call);
      if (!is_aligned(output) || (maker_.can_write && !maker_.can_write(region, call, output))) return false;
    }
    return true;
  }

  static bool is_aligned(const CallOutput& output) {
    const int64_t bytes = bytes_of(output.dtype);
    return reinterpret_cast<uintptr_t>(output.o) % kVector == 0 && output.o_strides.row * bytes % kVector == 0 &&
           output.o_strides.head * bytes % kVector == 0;
  }

  /// The call's place in what the task writes.
  CallOutput target(const AttendRegion& region, const AttendCall& call) const {
    const auto at = [&](const Tensor& tensor) {
      const int64_t head = region.query_heads.begin - tensor.heads.begin;
      return tensor.data + (head * tensor.head_stride + call.row * tensor.row_stride) * bytes_of(tensor.dtype);
    };
    return {at(o_), o_.dtype, {o_.row_stride, o_.head_stride}, at(lse_), {lse_.row_stride, lse_.head_stride}};
  }

  std::vector<CallOutput> targets(const AttendRegion& region) const {
    std::vector<CallOutput> outputs;
    for (const AttendCall& call : region.calls) outputs.push_back(target(region, call));
    return outputs;
  }

  std::vector<CallOutput> lay_out(const AttendRegion& region, ScratchLayout& layout) const {
    std::vector<CallOutput> outputs;
    const int64_t heads = region.query_heads.size();
    for (const AttendCall& call : region.calls) {
      CallOutput output;
      output.dtype = maker_.partial_dtype;
      output.o = at(layout.take(call.q_rows * heads * task_.dim * bytes_of(output.dtype)));
      output.o_strides = {task_.dim, call.q_rows * task_.dim};
      output.lse = at(layout.take(call.q_rows * heads * bytes_of(DType::fp32)));
      output.lse_strides = {1, call.q_rows};
      outputs.push_back(output);
    }
    return outputs;
  }

  /// What no library's call leaves to be joined may have 16 bits.
  void check_partials(const AttendRegion& region) const {
    if (maker_.merges) return;
    RINGFOLD_CHECK(!task_.fold, ExitCode::unavailable,
                   "partial results in 16 bits are too coarse to be folded into a state");
    int64_t rows = 0;
    for (const AttendCall& call : region.calls) {
      RINGFOLD_CHECK(call.row >= rows, ExitCode::unavailable,
                     "keys that lie apart take several calls, whose results in 16 bits are too coarse to be merged");
      rows = call.row + call.q_rows;
    }
  }

  static std::byte* at(int64_t offset) { return reinterpret_cast<std::byte*>(offset); }

  static void move_to(std::byte* memory, std::vector<CallOutput>& outputs) {
    for (CallOutput& output : outputs) {
      output.o = memory + reinterpret_cast<intptr_t>(output.o);
      output.lse = memory + reinterpret_cast<intptr_t>(output.lse);
    }
  }

  /// All calls share it.
  void make_workspace() {
    int64_t bytes = 0;
    for (const auto& call : work_->calls) bytes = std::max(bytes, call->workspace_bytes());
    work_->workspace = workspace_.at_least(bytes);
  }

  /// One merge for the heads that meet the same keys: of all rows that no call writes directly.
  void make_merges(const std::vector<std::vector<CallOutput>>& outputs) {
    std::map<HeadRange, std::vector<size_t>> by_heads;
    for (size_t i = 0; i < regions_.size(); ++i) {
      if (!is_direct_[i]) by_heads[regions_[i].query_heads].push_back(i);
    }
    for (const auto& [heads, regions] : by_heads) {
      MergeTarget merged;
      merged.rows = rows_of(o_, lse_, heads);
      merged.heads = heads.size();
      std::vector<StatePart> parts;
      for (const size_t i : regions) {
        merged.spans.push_back({regions_[i].row, regions_[i].rows});
        add_parts(regions_[i], outputs[i], parts);
      }
      // Folding into nothing changes no bit.
      if (parts.empty() && task_.fold && !task_.finish) continue;
      MergeOptions options;
      options.fold = task_.fold && !task_.finish;
      work_->merges.push_back(std::make_shared<CudaMerge>(device_, merged, parts, task_.dim, options));
    }
  }

  static StateRows rows_of(const Tensor& o, const Tensor& lse, const HeadRange& heads) {
    StateRows rows = state_rows(o, &lse);
    const int64_t head = heads.begin - o.heads.begin;
    rows.o += head * rows.o_head_stride * bytes_of(rows.dtype);
    rows.lse += head * rows.lse_head_stride;
    return rows;
  }

  void add_parts(const AttendRegion& region, const std::vector<CallOutput>& outputs,
                 std::vector<StatePart>& parts) const {
    const int64_t heads = region.query_heads.size();
    if (task_.fold && task_.finish) {
      StateRows state = rows_of(task_.state.o, task_.state.lse, region.query_heads);
      state.o += region.row * state.o_row_stride * bytes_of(state.dtype);
      state.lse += region.row * state.lse_row_stride;
      parts.push_back({state, region.row, region.rows, 0, heads, false});
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
  CudaScratch& scratch_;
  CudaScratch& workspace_;
  const AttendTask& task_;
  const CallMaker& maker_;
  std::vector<AttendRegion> regions_;
  std::vector<bool> is_direct_;  // of each region
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
  if (rows_in(parts.few.q.segments) > 0) works.push_back(make_decode(device, memory, parts.few));
  if (rows_in(parts.many.q.segments) > 0) {
    const auto pages = memory.gathered.at_least(gather_pages(parts.many, nullptr).bytes);
    const GatheredPages gathered = gather_pages(parts.many, pages.get());
    auto work = AttendMaker(device, memory, gathered.task, maker).make();
    for (const CopyTask& copy : gathered.copies) work->copies.push_back(std::make_shared<CudaCopy>(device, copy));
    work->gathered = pages;
    works.push_back(std::move(work));
  }
  return std::make_shared<CudaWorks>(std::move(works));
}

}  // namespace ringfold
