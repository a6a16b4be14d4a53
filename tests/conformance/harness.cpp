#include "tests/conformance/harness.h"

#include "experiments/accumulation.h"
#include "lib/check.h"
#include "lib/dtype.h"
#include "lib/error.h"
#include "lib/executor.h"
#include "lib/fill.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "lib/projected_inputs.h"
#include "lib/recording_transport.h"
#include "lib/strategy.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

namespace ringfold {

namespace {

void require_proof(const Schedule& schedule, std::string_view after) {
  const Verdict verdict = check(schedule);
  RINGFOLD_CHECK(verdict.proved(), ExitCode::refuted, "{} after {}: {}", schedule.strategy, after, verdict.summary());
}

void fill(const BoundBlock& bound, const InputSource& inputs) {
  const Block& block = *bound.block;
  const int64_t dim = inputs.problem().heads.dim;
  int plane = 0;
  for (const InputTensor which : input_planes(block.kind)) {
    fill_tensor(inputs, which, plane_tensor(block, bound.data, plane++, dim));
  }
}

float value_at(const Tensor& tensor, int64_t index) {
  if (tensor.dtype == DType::fp32) return reinterpret_cast<const float*>(tensor.data)[index];
  const uint16_t bits = reinterpret_cast<const uint16_t*>(tensor.data)[index];
  return tensor.dtype == DType::bf16 ? bf16_to_float(bits) : fp16_to_float(bits);
}

/// Copies an out or lse block to where its rows stand in the whole result.
void collect(const BoundBlock& bound, const Problem& problem, std::vector<float>& whole) {
  const int64_t channels = bound.block->kind == BlockKind::out ? problem.heads.dim : 1;
  const Tensor tensor = plane_tensor(*bound.block, bound.data, 0, problem.heads.dim);
  const TokenSet queries = query_set(problem);
  for (const Segment& part : tensor.segments) {
    const int64_t first = queries.row_of(part.sequence, part.begin);
    for (int64_t row = 0; row < part.end - part.begin; ++row) {
      for (int64_t h = tensor.heads.begin; h < tensor.heads.end; ++h) {
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t from = (h - tensor.heads.begin) * tensor.head_stride + (part.row + row) * tensor.row_stride + c;
          whole[static_cast<size_t>(((first + row) * problem.heads.query + h) * channels + c)] = value_at(tensor, from);
        }
      }
    }
  }
}

/// Judges the whole result as one rank's rows.
std::string verdict_of(const Outcome& outcome, const Problem& problem, const Judge& judge, const Accumulation& how) {
  const std::vector<float>& out = outcome.out;  // fp32 holding values of the problem's dtype
  std::vector<std::byte> bytes(out.size() * static_cast<size_t>(bytes_of(problem.dtype)));
  if (problem.dtype == DType::fp32) {
    std::copy_n(reinterpret_cast<const std::byte*>(out.data()), bytes.size(), bytes.begin());
  } else {
    auto* halves = reinterpret_cast<uint16_t*>(bytes.data());
    for (size_t i = 0; i < out.size(); ++i) {
      halves[i] = problem.dtype == DType::bf16 ? float_to_bf16(out[i]) : float_to_fp16(out[i]);
    }
  }
  OutputRows rows;
  rows.tokens = query_set(problem);
  rows.heads = {0, problem.heads.query};
  rows.dtype = problem.dtype;
  rows.out = bytes.data();
  rows.out_head_stride = problem.heads.dim;
  rows.out_token_stride = problem.heads.query * problem.heads.dim;
  rows.lse = outcome.lse.data();
  rows.lse_head_stride = 1;
  rows.lse_token_stride = problem.heads.query;
  return judge.failure_of(judge.judge(rows, how, 0));
}

/// Fills the rows of a tensor with NaN.
void poison(const Tensor& tensor, int64_t channels) {
  for (const Segment& part : tensor.segments) {
    for (int64_t row = part.row; row < part.row + part.end - part.begin; ++row) {
      for (int64_t head = 0; head < tensor.heads.size(); ++head) {
        const int64_t element = head * tensor.head_stride + row * tensor.row_stride;
        std::memset(tensor.data + element * bytes_of(tensor.dtype), 0xff,
                    static_cast<size_t>(channels * bytes_of(tensor.dtype)));
      }
    }
  }
}

/// A kernel that finishes, around one that does not.
class FinishingKernel final : public Kernel {
 public:
  explicit FinishingKernel(std::unique_ptr<Kernel> inner) : inner_(std::move(inner)) {}
  Capabilities capabilities() const override {
    Capabilities can = inner_->capabilities();
    can.finishes = true;
    return can;
  }
  Device& device() override { return inner_->device(); }
  void attend(Queue& queue, const AttendTask& task) override {
    if (!task.finish) return inner_->attend(queue, task);
    poison(task.finish->out, task.dim);
    poison(task.finish->lse, 1);
    inner_->attend(queue, task);
    inner_->finish(queue, {task.state, task.finish->out, task.finish->lse, task.dim});
  }
  void merge(Queue& queue, const MergeTask& task) override { inner_->merge(queue, task); }
  void finish(Queue& queue, const FinishTask& task) override { inner_->finish(queue, task); }
  void copy(Queue& queue, const CopyTask& task) override { inner_->copy(queue, task); }
  void rotate(Queue& queue, const RotateTask& task) override { inner_->rotate(queue, task); }
  void project(Queue& queue, const ProjectTask& task) override { inner_->project(queue, task); }

 private:
  std::unique_ptr<Kernel> inner_;
};

}  // namespace

std::string Variant::text() const {
  std::string text = strategy;
  for (const auto& [name, value] : options) text += fmt::format(" {}={}", name, value);
  return text;
}

std::unique_ptr<InputSource> generated_inputs(const Problem& problem, InputKind kind, uint64_t seed) {
  std::unique_ptr<InputSource> given = std::make_unique<GeneratedInputs>(problem, kind, seed);
  if (!problem.layer) return given;
  return std::make_unique<ProjectedInputs>(std::move(given));
}

std::vector<Variant> all_variants() {
  std::vector<Variant> variants;
  for (const StrategyInfo& info : strategy_table()) {
    std::vector<Options> combinations{{}};
    for (const OptionSpec& option : info.options()) {
      std::vector<Options> longer;
      for (const Options& options : combinations) {
        for (const std::string& value : option.values) {
          longer.push_back(options);
          longer.back()[option.name] = value;
        }
      }
      combinations = std::move(longer);
    }
    for (Options& options : combinations) variants.push_back({std::string(info.id), std::move(options)});
  }
  return variants;
}

Schedule proved_plan(const Variant& variant, const Problem& problem, const Cluster& cluster,
                     const AssumedRates& rates) {
  const StrategyInfo* info = find_strategy(variant.strategy);
  RINGFOLD_INVARIANT(info != nullptr, "no strategy {}", variant.strategy);
  const std::unique_ptr<Strategy> strategy = info->make(variant.options);
  if (cluster_supports(*strategy, problem, cluster)) return {};
  Schedule schedule = plan_cluster(*strategy, variant.strategy, problem, cluster);
  require_proof(schedule, "planning");
  for (const Pass& pass : pass_table()) {
    schedule = pass.apply(std::move(schedule), rates);
    require_proof(schedule, pass.name);
  }
  return schedule;
}

Outcome run(const Schedule& schedule, const InputSource& inputs, const Judge& judge, const Execution& execution) {
  const Problem& problem = schedule.problem;
  const auto ranks = schedule.ranks.size();
  const auto rows = static_cast<size_t>(problem.query_tokens() * problem.heads.query);
  Outcome outcome;
  // NaN: a row that nobody delivers is seen.
  outcome.out.assign(rows * static_cast<size_t>(problem.heads.dim), std::numeric_limits<float>::quiet_NaN());
  outcome.lse.assign(rows, std::numeric_limits<float>::quiet_NaN());
  outcome.sent_bytes.assign(ranks, 0);
  outcome.peak_bytes.assign(ranks, 0);
  const KernelInfo* kernel_info = find_kernel(execution.kernel);
  const TransportInfo* transport_info = find_transport(execution.transport);
  RINGFOLD_INVARIANT(kernel_info != nullptr && transport_info != nullptr, "no such backend");
  const std::unique_ptr<Fabric> fabric = transport_info->make(static_cast<int>(ranks), {std::chrono::seconds(60)});
  std::mutex collecting;
  run_ranks(*fabric, [&](RankContext& context) {
    std::unique_ptr<Kernel> kernel = kernel_info->make({1, [&] { context.control.tick(); }});
    if (execution.wrap_kernel) kernel = execution.wrap_kernel(std::move(kernel));
    if (execution.finishes) kernel = std::make_unique<FinishingKernel>(std::move(kernel));
    const std::unique_ptr<Transport> wrapped = execution.wrap ? execution.wrap(context) : nullptr;
    RecordingTransport recording(wrapped ? *wrapped : context.transport);
    Executor executor(schedule, context.rank, *kernel, recording, context.control);
    const Program& program = schedule.ranks[static_cast<size_t>(context.rank)];
    if (execution.poison && program.arena_bytes > 0) {
      // All bytes set is a NaN in fp32, bf16 and fp16; block 0 starts the arena somewhere.
      const std::byte* first = executor.bound(0).data - program.offsets[0];
      std::memset(const_cast<std::byte*>(first), 0xff, static_cast<size_t>(program.arena_bytes));
    }
    for (const BlockId input : program.inputs) fill(executor.bound(input), inputs);
    for (int repeat = 0; repeat < execution.repeats; ++repeat) {
      recording.reset();
      executor.run();
    }
    const std::lock_guard lock(collecting);
    outcome.sent_bytes[static_cast<size_t>(context.rank)] = recording.sent_bytes();
    outcome.peak_bytes[static_cast<size_t>(context.rank)] = kernel->device().peak_bytes();
    for (const BlockId output : program.outputs) {
      const BoundBlock bound = executor.bound(output);
      collect(bound, problem, bound.block->kind == BlockKind::out ? outcome.out : outcome.lse);
    }
  });
  Accumulation how;
  for (const Accumulation& of_rank : accumulation_of(schedule)) {
    how.partials = std::max(how.partials, of_rank.partials);
    how.keys_per_call = std::max(how.keys_per_call, of_rank.keys_per_call);
  }
  outcome.failure = verdict_of(outcome, problem, judge, how);
  return outcome;
}

}  // namespace ringfold
