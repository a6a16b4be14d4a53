#include "tests/transports/gpu_program.h"

#include "transports/cuda_check.h"
#include "transports/gpus.h"

namespace ringfold {

namespace {

constexpr int64_t kAlignment = 256;
constexpr int kUntouched = 0xee;

/// Cheap enough for gigabytes, and different in every message and run.
std::vector<uint8_t> pattern(size_t message, int run, int64_t bytes) {
  std::vector<uint8_t> data(static_cast<size_t>(bytes));
  const uint64_t seed = (message + 1) * 0x9e3779b97f4a7c15U + static_cast<uint64_t>(run) * 0xbf58476d1ce4e5b9U;
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>((seed + i * 0x94d049bb133111ebU) >> 41);
  return data;
}

}  // namespace

std::string missing_for_gpus(const TransportInfo& transport, int gpus) {
  if (const auto reason = transport.unavailable()) return *reason;
  if (gpu_count() < gpus) return describe_gpus();
  return transport.can_move(MemoryKind::cuda) ? "" : "it moves no CUDA memory";
}

bool GpuFence::ready() { return cudaEventQuery(event_.get()) == cudaSuccess; }
void GpuFence::wait() { RINGFOLD_CUDA(cudaEventSynchronize(event_.get())); }
void GpuFence::record(const CudaStream& stream) { RINGFOLD_CUDA(cudaEventRecord(event_.get(), stream.get())); }
double GpuFence::ms_since(const GpuFence& earlier) const {
  float ms = 0;
  RINGFOLD_CUDA(cudaEventElapsedTime(&ms, earlier.event_.get(), event_.get()));
  return ms;
}

GpuProgram::GpuProgram(RankContext& context, const std::vector<GpuMessage>& messages, int exchanges)
    : context_(context), messages_(messages), on_(context.local_rank), exchanges_(static_cast<size_t>(exchanges)) {
  int64_t end = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    for (const bool sends : {true, false}) {
      if ((sends ? messages[i].from : messages[i].to) != context.rank) continue;
      parts_.push_back({i, sends, end});
      end += (messages[i].bytes + kAlignment) / kAlignment * kAlignment;
    }
  }
  memory_ = {device_zeros(end + kAlignment), end + kAlignment, MemoryKind::cuda};
  for (size_t i = 0; i < exchanges_.size(); ++i) exchanges_[i].operation = static_cast<int>(i);
  for (const Part& part : parts_) {
    const GpuMessage& message = messages[part.message];
    std::byte* data = memory_.data.get() + part.offset;
    BoundExchange& exchange = exchanges_[static_cast<size_t>(part.sends ? message.at_sender : message.at_receiver)];
    (part.sends ? exchange.sends : exchange.receives)
        .push_back({part.sends ? message.to : message.from, message.tag, data, message.bytes});
  }
  std::vector<const BoundExchange*> announced;
  for (const BoundExchange& exchange : exchanges_) {
    announced.push_back(&exchange);
    done_.push_back(context.transport.make_fence());
  }
  context.transport.announce(announced, memory_);
}

void GpuProgram::fill(int run) {
  for (const Part& part : parts_) {
    std::byte* data = memory_.data.get() + part.offset;
    const auto bytes = static_cast<size_t>(messages_[part.message].bytes);
    if (part.sends) {
      const auto sent = pattern(part.message, run, messages_[part.message].bytes);
      RINGFOLD_CUDA(cudaMemcpyAsync(data, sent.data(), bytes, cudaMemcpyHostToDevice, computes_.get()));
      RINGFOLD_CUDA(cudaStreamSynchronize(computes_.get()));
    } else {
      RINGFOLD_CUDA(cudaMemsetAsync(data, kUntouched, bytes, computes_.get()));
    }
  }
}

void GpuProgram::enqueue() {
  begin_.record(computes_);
  for (size_t i = 0; i < exchanges_.size(); ++i) context_.transport.enqueue(exchanges_[i], &begin_, *done_[i]);
  Fence& last = *done_.back();
  if (last.native() == nullptr) return last.wait();  // a transport of the host, as a kernel's queue treats it
  RINGFOLD_CUDA(cudaStreamWaitEvent(computes_.get(), static_cast<cudaEvent_t>(last.native()), 0));
}

double GpuProgram::latest_ms() const { return end_.ms_since(start_); }

template <typename Body>
void GpuProgram::guarded(Body&& body) {
  try {
    body();
  } catch (const std::exception&) {
    context_.transport.cancel();  // before the memory goes
    throw;
  }
}

void GpuProgram::run() {
  start_.record(computes_);
  guarded([&] { enqueue(); });
  end_.record(computes_);
  watch();
}

void GpuProgram::watch() {
  guarded([&] {
    context_.transport.watch(end_);
    context_.transport.synchronize();
  });
}

void GpuProgram::record() {
  cudaGraph_t graph = nullptr;
  RINGFOLD_CUDA(cudaStreamBeginCapture(computes_.get(), cudaStreamCaptureModeThreadLocal));
  enqueue();
  RINGFOLD_CUDA(cudaStreamEndCapture(computes_.get(), &graph));
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  (void)cudaGraphDestroy(graph);
  RINGFOLD_CUDA(status);
  graph_.reset(executable);
  guarded([&] { context_.transport.rehearse([this] { start_recorded(); }, end_); });
}

void GpuProgram::start_recorded() {
  start_.record(computes_);
  RINGFOLD_CUDA(cudaGraphLaunch(graph_.get(), computes_.get()));
  end_.record(computes_);
}

void GpuProgram::watch_spans(std::vector<ExchangeSpan>& spans) {
  spans.assign(exchanges_.size(), {});
  for (size_t i = 0; i < exchanges_.size(); ++i) exchanges_[i].span = &spans[i];
}

std::string GpuProgram::wrong(int run) const {
  for (const Part& part : parts_) {
    if (part.sends) continue;
    const GpuMessage& message = messages_[part.message];
    std::vector<uint8_t> received(static_cast<size_t>(message.bytes));
    RINGFOLD_CUDA(cudaMemcpyAsync(received.data(), memory_.data.get() + part.offset, received.size(),
                                  cudaMemcpyDeviceToHost, computes_.get()));
    RINGFOLD_CUDA(cudaStreamSynchronize(computes_.get()));
    const std::vector<uint8_t> sent = pattern(part.message, run, message.bytes);
    for (size_t i = 0; i < sent.size(); ++i) {
      if (received[i] == sent[i]) continue;
      return fmt::format("rank {}, run {}: byte {} of {} from rank {}, tag {}, is {:#x} and not {:#x}{}", context_.rank,
                         run, i, message.bytes, message.from, message.tag, received[i], sent[i],
                         received[i] == kUntouched ? " (untouched)" : "");
    }
  }
  return {};
}

}  // namespace ringfold
