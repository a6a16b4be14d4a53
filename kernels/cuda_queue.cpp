#include "kernels/cuda_queue.h"

#include "kernels/cuda_check.h"
#include "lib/error.h"

#include <chrono>
#include <thread>
#include <utility>

namespace ringfold {

namespace {

using Clock = std::chrono::steady_clock;

/// Short work is over before a thread that gave its core away would be back.
constexpr auto kSpin = std::chrono::microseconds(50);
constexpr auto kTickInterval = std::chrono::milliseconds(1);

/// Calls `query`, which gives cudaErrorNotReady until it is over, and tells the error that it gives else: one of any
/// work enqueued before.
template <typename Query>
void poll(const CudaContext& context, const char* command, Query query) {
  const Clock::time_point begin = Clock::now();
  Clock::time_point next_tick = begin + kTickInterval;
  for (cudaError_t state = query(); state != cudaSuccess; state = query()) {
    if (state != cudaErrorNotReady) fail_cuda(state, __FILE__, __LINE__, command);
    (void)cudaGetLastError();  // not an error, but noted as one
    const Clock::time_point now = Clock::now();
    if (now - begin > kSpin) std::this_thread::yield();
    if (now < next_tick) continue;
    if (context.tick) context.tick();
    next_tick = now + kTickInterval;
  }
}

class CudaRecording final : public RecordedWork {
 public:
  CudaRecording(std::shared_ptr<const CudaContext> context, std::vector<std::shared_ptr<const void>> kept)
      : context_(std::move(context)), kept_(std::move(kept)) {}
  ~CudaRecording() override {
    context_->try_make_current();
    if (graph_ != nullptr) (void)cudaGraphDestroy(graph_);
    if (work_ != nullptr) (void)cudaGraphExecDestroy(work_);
  }
  CudaRecording(const CudaRecording&) = delete;
  CudaRecording& operator=(const CudaRecording&) = delete;

  /// Ends the stream's capture and makes ready to start what it holds.
  void take(cudaStream_t stream) {
    RINGFOLD_CUDA_CHECK(cudaStreamEndCapture(stream, &graph_));
    RINGFOLD_CUDA_CHECK(cudaGraphInstantiate(&work_, graph_, 0));
    RINGFOLD_CUDA_CHECK(cudaGraphUpload(work_, stream));
  }
  void start(Queue& queue) override {
    context_->make_current();
    RINGFOLD_CUDA_CHECK(cudaGraphLaunch(work_, static_cast<cudaStream_t>(queue.native())));
  }

 private:
  std::shared_ptr<const CudaContext> context_;
  std::vector<std::shared_ptr<const void>> kept_;
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t work_ = nullptr;
};

}  // namespace

CudaEvent::CudaEvent(std::shared_ptr<const CudaContext> context, bool has_clock) : context_(std::move(context)) {
  context_->make_current();
  RINGFOLD_CUDA_CHECK(cudaEventCreateWithFlags(&event_, has_clock ? cudaEventDefault : cudaEventDisableTiming));
}

CudaEvent::~CudaEvent() {
  context_->try_make_current();
  (void)cudaEventDestroy(event_);
}

bool CudaEvent::ready() {
  const cudaError_t state = cudaEventQuery(event_);
  if (state == cudaErrorNotReady) {
    (void)cudaGetLastError();  // not an error, but noted as one
    return false;
  }
  if (state != cudaSuccess) fail_cuda(state, __FILE__, __LINE__, "cudaEventQuery");
  return true;
}

void CudaEvent::wait() {
  poll(*context_, "cudaEventQuery", [&] { return cudaEventQuery(event_); });
}

double CudaEvent::ms_since(const Stamp& earlier) const {
  float ms = 0.0f;
  context_->make_current();
  RINGFOLD_CUDA_CHECK(cudaEventElapsedTime(&ms, static_cast<const CudaEvent&>(earlier).event_, event_));
  return ms;
}

CudaQueue::CudaQueue(std::shared_ptr<const CudaContext> context, bool urgent) : context_(std::move(context)) {
  context_->make_current();
  int least = 0;
  int greatest = 0;
  RINGFOLD_CUDA_CHECK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  RINGFOLD_CUDA_CHECK(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, urgent ? greatest : least));
}

CudaQueue::~CudaQueue() {
  context_->try_make_current();
  cudaGraph_t graph = nullptr;
  // An error between begin and end of a recording.
  if (is_recording_ && cudaStreamEndCapture(stream_, &graph) == cudaSuccess) (void)cudaGraphDestroy(graph);
  (void)cudaStreamDestroy(stream_);
}

void CudaQueue::record(Fence& fence) {
  RINGFOLD_INVARIANT(fence.native() != nullptr, "a CUDA queue records a fence of the host");
  context_->make_current();
  RINGFOLD_CUDA_CHECK(cudaEventRecord(static_cast<cudaEvent_t>(fence.native()), stream_));
}

void CudaQueue::wait(Fence& fence) {
  if (fence.native() == nullptr) return fence.wait();
  context_->make_current();
  RINGFOLD_CUDA_CHECK(cudaStreamWaitEvent(stream_, static_cast<cudaEvent_t>(fence.native()), 0));
}

void CudaQueue::synchronize() {
  context_->make_current();
  poll(*context_, "cudaStreamQuery", [&] { return cudaStreamQuery(stream_); });
  kept_.clear();
}

bool CudaQueue::begin_recording() {
  RINGFOLD_INVARIANT(!is_recording_, "a queue that records is told to record");
  context_->make_current();
  // Relaxed: other threads go on allocating, and so do kernels that prepare a task on the spot.
  RINGFOLD_CUDA_CHECK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed));
  is_recording_ = true;
  kept_before_ = std::exchange(kept_, {});
  return true;
}

std::unique_ptr<RecordedWork> CudaQueue::end_recording() {
  RINGFOLD_INVARIANT(is_recording_, "a queue that does not record is told to end it");
  context_->make_current();
  is_recording_ = false;
  auto recording = std::make_unique<CudaRecording>(context_, std::exchange(kept_, std::exchange(kept_before_, {})));
  recording->take(stream_);
  return recording;
}

}  // namespace ringfold
