#pragma once

#include "kernels/cuda_device.h"
#include "lib/device.h"

#include <cuda_runtime.h>

#include <memory>
#include <vector>

namespace ringfold {

/// A cudaEvent_t, with a clock or, cheaper, without. Ready until it is recorded for the first time.
class CudaEvent final : public Stamp {
 public:
  CudaEvent(std::shared_ptr<const CudaContext> context, bool has_clock);
  ~CudaEvent() override;
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  bool ready() override;
  void wait() override;
  void* native() override { return event_; }
  /// Both must have clocks: made by make_stamp().
  double ms_since(const Stamp& earlier) const override;

 private:
  std::shared_ptr<const CudaContext> context_;
  cudaEvent_t event_ = nullptr;
};

/// A stream that waits for no other. While it records, fences of the recorded work belong to the recording: only queues
/// can wait for them, and only until it ends.
class CudaQueue final : public Queue {
 public:
  CudaQueue(std::shared_ptr<const CudaContext> context, bool urgent);
  /// Work that is still running goes on.
  ~CudaQueue() override;
  CudaQueue(const CudaQueue&) = delete;
  CudaQueue& operator=(const CudaQueue&) = delete;

  std::unique_ptr<Fence> make_fence() override { return std::make_unique<CudaEvent>(context_, false); }
  std::unique_ptr<Stamp> make_stamp() override { return std::make_unique<CudaEvent>(context_, true); }
  void record(Fence& fence) override;
  void wait(Fence& fence) override;
  /// Gives signs of life. An error of any work since the last call comes out here.
  void synchronize() override;
  void tick() override {
    if (context_->tick) context_->tick();
  }
  int threads() const override { return context_->threads; }
  void* native() override { return stream_; }
  bool begin_recording() override;
  std::unique_ptr<RecordedWork> end_recording() override;

  cudaStream_t stream() const { return stream_; }
  const CudaContext& context() const { return *context_; }
  /// Keeps what work enqueued so far reads, until that has ended; for recorded work, as long as the recording.
  void keep(std::shared_ptr<const void> object) { kept_.push_back(std::move(object)); }

 private:
  std::shared_ptr<const CudaContext> context_;
  cudaStream_t stream_ = nullptr;
  bool is_recording_ = false;
  std::vector<std::shared_ptr<const void>> kept_;
  std::vector<std::shared_ptr<const void>> kept_before_;  ///< the recording began
};

}  // namespace ringfold
