#include "experiments/rank_case.h"

#include "experiments/link_rate.h"
#include "experiments/output_file.h"
#include "lib/checksummed_transport.h"
#include "lib/kernel.h"
#include "lib/recording_transport.h"
#include "lib/switched_transport.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <span>

namespace ringfold {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

struct RankCase::Impl {
  Impl(const PlannedCase& planned, RankContext& rank_context, const InputSource& inputs)
      : schedule(*planned.schedule),
        program(schedule.ranks[static_cast<size_t>(rank_context.rank)]),
        context(rank_context),
        kernel(make_kernel(planned.item)),
        sealed(context.transport, context.rank),
        switched(context.transport, sealed),
        recording(switched),
        executor(schedule, context.rank, *kernel, recording, context.control) {
    for (BlockId id : program.inputs) fill(executor.bound(id), inputs);
  }

  std::unique_ptr<Kernel> make_kernel(const Case& item) {
    KernelOptions options;
    options.threads = static_cast<int>(item.measure.threads);
    options.tick = [&control = context.control] { control.tick(); };
    return find_kernel(item.kernel)->make(options);
  }

  void fill(const BoundBlock& bound, const InputSource& inputs) {
    const Block& block = *bound.block;
    const bool is_kv = block.kind == BlockKind::kv;
    for (int plane = 0; plane < (is_kv ? 2 : 1); ++plane) {
      const Tensor tensor = plane_tensor(block, bound.data, plane, schedule.problem.heads.dim);
      const InputTensor which = !is_kv ? InputTensor::q : plane == 0 ? InputTensor::k : InputTensor::v;
      write_rows(inputs, which, block.tokens, block.heads, tensor.data, {tensor.row_stride, tensor.head_stride});
      context.control.tick();
    }
  }

  /// The rank's O and LSE, those of the same rows together.
  std::vector<OutputRows> output_rows() const {
    std::vector<OutputRows> all;
    std::vector<BlockId> rest = program.outputs;
    while (!rest.empty()) {
      const BlockId first = rest.front();
      rest.erase(rest.begin());
      OutputRows rows;
      add(rows, first);
      const auto partner = std::find_if(rest.begin(), rest.end(), [&](BlockId other) {
        return block(other).kind != block(first).kind && block(other).tokens == block(first).tokens &&
               block(other).heads == block(first).heads;
      });
      if (partner != rest.end()) {
        add(rows, *partner);
        rest.erase(partner);
      }
      all.push_back(std::move(rows));
    }
    return all;
  }

  void add(OutputRows& rows, BlockId id) const {
    const BoundBlock bound = executor.bound(id);
    const Tensor tensor = plane_tensor(*bound.block, bound.data, 0, schedule.problem.heads.dim);
    rows.tokens = bound.block->tokens;
    rows.heads = bound.block->heads;
    if (bound.block->kind == BlockKind::lse) {
      rows.lse = reinterpret_cast<const float*>(tensor.data);
      rows.lse_head_stride = tensor.head_stride;
      rows.lse_token_stride = tensor.row_stride;
      return;
    }
    rows.dtype = tensor.dtype;
    rows.out = tensor.data;
    rows.out_head_stride = tensor.head_stride;
    rows.out_token_stride = tensor.row_stride;
  }

  /// Begins on all ranks at once, and ends for none before it has ended for all.
  std::pair<Clock::time_point, Clock::time_point> forward() {
    recording.reset();
    context.control.barrier();
    const Clock::time_point begin = Clock::now();
    executor.run();
    const Clock::time_point end = Clock::now();
    // Those that are done wait here, where the deadline counts for those that are not, and not for their next turn.
    context.control.barrier();
    return {begin, end};
  }

  const Block& block(BlockId id) const { return program.blocks[static_cast<size_t>(id)]; }

  const Schedule& schedule;
  const Program& program;
  RankContext& context;
  std::unique_ptr<Kernel> kernel;
  ChecksummedTransport sealed;
  SwitchedTransport switched;
  RecordingTransport recording;  // outermost: counts no seals
  Executor executor;
};

RankCase::RankCase(const PlannedCase& planned, RankContext& context, const InputSource& inputs)
    : impl_(std::make_unique<Impl>(planned, context, inputs)) {}

RankCase::~RankCase() = default;

double RankCase::forward_ms() {
  const auto [begin, end] = impl_->forward();
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

void RankCase::sealed_forward() {
  // Of memory that seals cannot look at, nothing but the numbers is proved.
  impl_->switched.use_second(impl_->sealed.moves(impl_->kernel->device().memory_kind()));
  impl_->forward();
  impl_->switched.use_second(false);
}

uint64_t RankCase::output_sum() const {
  std::vector<uint64_t> sums;
  for (const BlockId id : impl_->program.outputs) {
    const BoundBlock bound = impl_->executor.bound(id);
    sums.push_back(checksum(bound.data, bytes_of(*bound.block, impl_->schedule.problem.heads.dim)));
  }
  return checksum(reinterpret_cast<const std::byte*>(sums.data()), std::ssize(sums) * 8);
}

RankTrace RankCase::traced_forward() {
  RankTracer tracer(impl_->program);
  impl_->executor.observe(&tracer);
  const auto [begin, end] = impl_->forward();
  impl_->executor.observe(nullptr);
  const auto ns = [](Clock::time_point time) { return time.time_since_epoch() / std::chrono::nanoseconds(1); };
  tracer.trace.begin_ns = ns(begin);
  tracer.trace.end_ns = ns(end);
  return std::move(tracer.trace);
}

std::optional<double> RankCase::measure_link_gbps() {
  return ringfold::measure_link_gbps(impl_->context, *impl_->kernel);
}

int64_t RankCase::sent_bytes() const { return impl_->recording.sent_bytes(); }

Figures RankCase::judge(const Judge& judge, const Accumulation& how) const {
  Figures figures;
  for (const OutputRows& rows : impl_->output_rows()) {
    figures.merge(judge.judge(rows, how, impl_->context.rank));
    impl_->context.control.tick();
  }
  return figures;
}

std::vector<OutputRows> RankCase::output_rows() const { return impl_->output_rows(); }

void RankCase::save(OutputFile& file) const {
  for (const OutputRows& rows : impl_->output_rows()) {
    file.write(rows);
    impl_->context.control.tick();
  }
}

std::string RankReport::serialize() const {
  nlohmann::json head = {{"ms", forwards_ms}, {"sent_bytes", sent_bytes}};
  if (breakdown) {
    const Breakdown& b = *breakdown;
    head["breakdown"] = {b.compute_ms, b.merge_ms, b.communicate_ms, b.exposed_ms, b.idle_ms, b.total_ms};
  }
  if (link_gbps) head["link_gbps"] = *link_gbps;
  const std::vector<std::byte> bytes = figures.serialize();
  return head.dump() + "\n" + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

RankReport RankReport::parse(const std::string& bytes) {
  const size_t end = bytes.find('\n');
  RINGFOLD_INVARIANT(end != std::string::npos, "a rank's report has no end of line");
  const nlohmann::json head = nlohmann::json::parse(bytes.substr(0, end));
  RankReport report;
  report.forwards_ms = head.at("ms").get<std::vector<double>>();
  report.sent_bytes = head.at("sent_bytes").get<int64_t>();
  if (head.contains("breakdown")) {
    const auto b = head["breakdown"].get<std::vector<double>>();
    report.breakdown = Breakdown{b.at(0), b.at(1), b.at(2), b.at(3), b.at(4), b.at(5)};
  }
  if (head.contains("link_gbps")) report.link_gbps = head["link_gbps"].get<double>();
  const std::string rest = bytes.substr(end + 1);
  report.figures = Figures::parse(std::as_bytes(std::span<const char>(rest)));
  return report;
}

}  // namespace ringfold
