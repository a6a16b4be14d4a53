#pragma once

#include "lib/ranks.h"
#include "transports/cuda_handles.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ringfold {

/// A message of a program in which exchange `at_sender` of one rank meets exchange `at_receiver` of another.
struct GpuMessage {
  int from = 0;
  int to = 0;
  uint64_t tag = 0;
  int64_t bytes = 0;
  int at_sender = 0;
  int at_receiver = 0;
};

/// A point of a stream, as a kernel's queue would mark it.
class GpuFence final : public Fence {
 public:
  GpuFence() : event_(DeviceEvent::Timed::yes) {}
  bool ready() override;
  void wait() override;
  void* native() override { return event_.get(); }
  void record(const CudaStream& stream);
  double ms_since(const GpuFence& earlier) const;

 private:
  DeviceEvent event_;
};

/// One rank's part of messages that are the same on all ranks: memory on the rank's GPU, exchanges, and a stream that
/// stands for what is computed. What is sent depends on the message and on the run.
class GpuProgram {
 public:
  /// Announces itself.
  GpuProgram(RankContext& context, const std::vector<GpuMessage>& messages, int exchanges);

  void fill(int run);
  /// Enqueues all exchanges between two marks, and watches the second. Cancels when it throws.
  void run();
  /// The same, recorded and rehearsed, not started in earnest; where the transport is stream-ordered.
  void record();
  void start_recorded();
  void watch();
  /// Of the latest run, from its start on the device to its end.
  double latest_ms() const;
  void watch_spans(std::vector<ExchangeSpan>& spans);
  /// The first message that did not arrive as it was sent in this run; "" if all did.
  std::string wrong(int run) const;

 private:
  template <typename Body>
  void guarded(Body&& body);
  void enqueue();
  struct GraphDeleter {
    void operator()(cudaGraphExec_t graph) const { (void)cudaGraphExecDestroy(graph); }
  };
  struct Part {
    size_t message = 0;
    bool sends = false;
    int64_t offset = 0;
  };

  RankContext& context_;
  std::vector<GpuMessage> messages_;
  OnDevice on_;
  std::vector<Part> parts_;
  AnnouncedMemory memory_;
  std::vector<BoundExchange> exchanges_;
  std::vector<std::unique_ptr<Fence>> done_;
  CudaStream computes_;
  GpuFence start_;  ///< outside of what is recorded
  GpuFence begin_;
  GpuFence end_;
  std::unique_ptr<CUgraphExec_st, GraphDeleter> graph_;
};

/// Why ranks of this transport cannot move memory of so many GPUs; "" if they can.
std::string missing_for_gpus(const TransportInfo& transport, int gpus);

/// Keeps the first text that is not empty, for a check by the test's own thread.
class FirstText {
 public:
  void offer(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (text_.empty()) text_ = text;
  }
  std::string text() const { return text_; }

 private:
  std::mutex mutex_;
  std::string text_;
};

}  // namespace ringfold
