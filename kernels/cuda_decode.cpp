#include "kernels/cuda_decode.h"

#include "kernels/rows.h"
#include "lib/error.h"

#include <utility>

namespace ringfold {
namespace {

class DecodeWork final : public CudaWork {
 public:
  using Plan = std::pair<AttendHeads, DecodeTables>;
  static std::vector<Plan> plans_of(const CudaDevice& device, const AttendTask& task) {
    std::vector<Plan> plans;
    for (const AttendHeads& heads : attend_heads(task)) {
      plans.emplace_back(heads, plan_decode(task, heads, device.context().multiprocessors));
    }
    return plans;
  }
  /// Of scratch memory: one after the other use it.
  static int64_t scratch_bytes(const std::vector<Plan>& plans, int64_t dim) {
    int64_t bytes = 0;
    for (const auto& [heads, tables] : plans) bytes = std::max(bytes, scratch_of(heads, tables, dim, nullptr).second);
    return bytes;
  }

  DecodeWork(CudaDevice& device, CudaScratch& scratch, const AttendTask& task) {
    const std::vector<Plan> plans = plans_of(device, task);
    scratch_ = scratch.at_least(scratch_bytes(plans, task.dim));
    for (const auto& [heads, tables] : plans) add(device, task, heads, tables);
  }

  void enqueue(cudaStream_t stream) const override {
    for (const Step& step : steps_) {
      for (const DecodeLaunch& launch : step.launches) launch_decode(launch, stream);
      if (step.merge) step.merge->enqueue(stream);
    }
  }

 private:
  struct Step {
    std::vector<DecodeLaunch> launches;
    CudaTables tables;
    std::shared_ptr<CudaWork> merge;
  };

  /// O [row][head][channel], then the LSEs [row][head]; and their bytes.
  static std::pair<StateRows, int64_t> scratch_of(const AttendHeads& heads, const DecodeTables& tables, int64_t dim,
                                                  std::byte* memory) {
    const int64_t count = heads.query_heads.size();
    const int64_t o_bytes = tables.scratch_rows * count * dim * 4;
    const StateRows rows{memory, DType::fp32, count * dim, dim, reinterpret_cast<float*>(memory + o_bytes), count, 1};
    return {rows, o_bytes + tables.scratch_rows * count * 4};
  }

  void add(CudaDevice& device, const AttendTask& task, const AttendHeads& heads, const DecodeTables& tables) {
    Step& step = steps_.emplace_back();
    const size_t pieces = step.tables.add(tables.pieces);
    const size_t queries = step.tables.add(tables.queries);
    const size_t rows = step.tables.add(tables.rows_of_keys);
    size_t items[std::size(kDecodeRows)];
    for (size_t i = 0; i < std::size(kDecodeRows); ++i) items[i] = step.tables.add(tables.items[i]);
    step.tables.send(device);
    DecodeLaunch launch;
    launch.pieces = step.tables.at<DecodePiece>(pieces);
    launch.queries = step.tables.at<DecodeQuery>(queries);
    launch.rows_of_keys = step.tables.at<int32_t>(rows);
    launch.kv_heads = heads.kv_heads.size();
    launch.group = static_cast<int32_t>(heads.query_heads.size() / heads.kv_heads.size());
    launch.q = row_of(task.q, heads.query_heads.begin, 0);
    launch.q_row = task.q.row_stride * bytes_of(task.q.dtype);
    launch.q_head = task.q.head_stride * bytes_of(task.q.dtype);
    const MergeTarget target = target_of(task, heads, tables);
    launch.outputs[0] = target.rows;
    launch.outputs[1] = scratch_of(heads, tables, task.dim, scratch_.get()).first;
    launch.dtype = task.q.dtype;
    launch.dim = static_cast<int32_t>(task.dim);
    launch.scale = static_cast<float>(task.scale);
    launch.softcap = static_cast<float>(task.softcap);
    for (size_t i = 0; i < std::size(kDecodeRows); ++i) {
      if (tables.items[i].empty()) continue;
      launch.items = step.tables.at<DecodeItem>(items[i]);
      launch.item_count = std::ssize(tables.items[i]);
      launch.rows = kDecodeRows[i];
      step.launches.push_back(launch);
    }
    if (tables.merged.empty()) return;
    MergeOptions options;
    options.fold = task.fold && !task.finish;
    const auto parts = parts_of_target(task, heads, tables, launch.outputs[1]);
    step.merge = std::make_shared<CudaMerge>(device, target, parts, task.dim, options);
  }

  static MergeTarget target_of(const AttendTask& task, const AttendHeads& heads, const DecodeTables& tables) {
    MergeTarget target;
    const int64_t head = heads.query_heads.begin;
    target.rows = task.finish ? state_rows(task.finish->out, task.finish->lse, head)
                              : state_rows(task.state.o, task.state.lse, head);
    target.heads = heads.query_heads.size();
    target.spans = tables.merged;
    return target;
  }

  static std::vector<StatePart> parts_of_target(const AttendTask& task, const AttendHeads& heads,
                                                const DecodeTables& tables, const StateRows& scratch) {
    std::vector<StatePart> parts;
    const auto add = [&](const StateRows& from, int64_t from_row, int64_t target_row, int64_t rows) {
      parts.push_back({rows_from(from, from_row), target_row, rows, 0, heads.query_heads.size(), false});
    };
    if (task.fold && task.finish) {
      const StateRows state = state_rows(task.state.o, task.state.lse, heads.query_heads.begin);
      for (const RowSpan& span : tables.merged) add(state, span.begin, span.begin, span.count);
    }
    for (const DecodeTables::Part& part : tables.parts) add(scratch, part.scratch_row, part.target_row, part.rows);
    return parts;
  }

  std::vector<Step> steps_;
  std::shared_ptr<std::byte> scratch_;
};

}  // namespace

std::shared_ptr<CudaWork> make_decode(CudaDevice& device, AttendMemory& memory, const AttendTask& task) {
  return std::make_shared<DecodeWork>(device, memory.scratch, task);
}

int64_t decode_scratch_bytes(const CudaDevice& device, const AttendTask& task) {
  return DecodeWork::scratch_bytes(DecodeWork::plans_of(device, task), task.dim);
}

}  // namespace ringfold
