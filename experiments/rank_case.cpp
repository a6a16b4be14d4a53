#include "experiments/rank_case.h"

#include "experiments/host_blocks.h"
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
        executor(schedule, context.rank, *kernel, recording, context.control),
        blocks(*kernel, executor, schedule.problem.heads.dim) {
    executor.allow_recording(planned.item.cuda_graph);
    for (BlockId id : program.inputs) blocks.fill(id, inputs, [&] { context.control.tick(); });
  }

  std::unique_ptr<Kernel> make_kernel(const Case& item) {
    KernelOptions options;
    options.threads = static_cast<int>(item.measure.threads);
    options.tick = [&control = context.control] { control.tick(); };
    options.device = context.local_rank;
    return find_kernel(item.kernel)->make(options);
  }

  /// The rank's O and LSE, those of the same rows together.
  std::vector<OutputRows> output_rows() {
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

  void add(OutputRows& rows, BlockId id) {
    // Only read: a plane's description does not tell.
    auto* bytes = const_cast<std::byte*>(blocks.read(id));
    const Tensor tensor = plane_tensor(block(id), bytes, 0, schedule.problem.heads.dim);
    rows.tokens = block(id).tokens;
    rows.heads = block(id).heads;
    if (block(id).kind == BlockKind::lse) {
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
    if (!executor.starts_recorded()) recording.reset();
    executor.record();
    context.control.barrier();
    executor.run();
    const Clock::time_point end = Clock::now();
    const Clock::time_point begin = end - std::chrono::duration_cast<Clock::duration>(
                                              std::chrono::duration<double, std::milli>(executor.latest_ms()));
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
  HostBlocks blocks;
};

RankCase::RankCase(const PlannedCase& planned, RankContext& context, const InputSource& inputs)
    : impl_(std::make_unique<Impl>(planned, context, inputs)) {}

RankCase::~RankCase() = default;

double RankCase::forward_ms() {
  impl_->forward();
  return impl_->executor.latest_ms();
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
    sums.push_back(checksum(impl_->blocks.read(id), bytes_of(impl_->block(id), impl_->schedule.problem.heads.dim)));
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

Figures RankCase::judge(const Judge& judge, Accumulation how) const {
  how.approximate_tanh = impl_->schedule.problem.softcap.has_value() && impl_->kernel->capabilities().approximates_tanh;
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
