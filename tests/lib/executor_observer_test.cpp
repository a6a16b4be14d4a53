// What an executor tells those who watch it.
#include "lib/executor.h"
#include "lib/recording_transport.h"
#include "lib/switched_transport.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "tests/toy_kernel.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace ringfold {
namespace {

TEST_CASE("an observer sees begin, start and end of every operation in order") {
  struct Log final : ExecutionObserver {
    void begin(int operation) override { text += "b" + std::to_string(operation); }
    void start(int operation) override { text += "s" + std::to_string(operation); }
    void end(int operation) override { text += "e" + std::to_string(operation); }
    std::string text;
  };
  const Schedule alone = hand_written_ring(1, 3, {1, 1, 4});
  const auto fabric = threads_fabric(1);
  std::string seen;
  run_ranks(*fabric, [&](RankContext& context) {
    const auto kernel = make_toy_kernel();
    Executor executor(alone, 0, *kernel, context.transport, context.control);
    Log log;
    executor.observe(&log);
    executor.run();
    executor.observe(nullptr);
    executor.run();
    seen = log.text;
  });
  CHECK(seen == "b0s0e0b1s1e1");
}

/// A kernel whose queues pass for a device's, and can record: `started` counts starts of what was recorded.
class Recordable final : public Kernel {
 public:
  explicit Recordable(int& started) : device_(*inner_, started) {}
  Capabilities capabilities() const override { return inner_->capabilities(); }
  Device& device() override { return device_; }
  void attend(Queue& queue, const AttendTask& task) override { inner_->attend(queue, task); }
  void merge(Queue& queue, const MergeTask& task) override { inner_->merge(queue, task); }
  void finish(Queue& queue, const FinishTask& task) override { inner_->finish(queue, task); }
  void copy(Queue& queue, const CopyTask& task) override { inner_->copy(queue, task); }

 private:
  struct Work final : RecordedWork {
    explicit Work(int& count) : started(count) {}
    void start(Queue&) override { ++started; }
    int& started;
  };
  struct OwnQueue final : Queue {
    OwnQueue(std::unique_ptr<Queue> queue, int& count) : inner(std::move(queue)), started(count) {}
    std::unique_ptr<Fence> make_fence() override { return inner->make_fence(); }
    std::unique_ptr<Stamp> make_stamp() override { return inner->make_stamp(); }
    void record(Fence& fence) override { inner->record(fence); }
    void wait(Fence& fence) override { inner->wait(fence); }
    void synchronize() override { inner->synchronize(); }
    void tick() override { inner->tick(); }
    int threads() const override { return inner->threads(); }
    void* native() override { return this; }
    bool begin_recording() override { return true; }
    std::unique_ptr<RecordedWork> end_recording() override { return std::make_unique<Work>(started); }
    std::unique_ptr<Queue> inner;
    int& started;
  };
  struct OwnDevice final : Device {
    OwnDevice(Kernel& kernel, int& count) : inner(kernel.device()), started(count) {}
    MemoryKind memory_kind() const override { return inner.memory_kind(); }
    std::shared_ptr<std::byte> allocate(int64_t bytes) override { return inner.allocate(bytes); }
    int64_t allocated_bytes() const override { return inner.allocated_bytes(); }
    int64_t peak_bytes() const override { return inner.peak_bytes(); }
    std::unique_ptr<Queue> make_queue() override { return std::make_unique<OwnQueue>(inner.make_queue(), started); }
    void copy_to_device(std::byte* to, const std::byte* from, int64_t bytes) override {
      inner.copy_to_device(to, from, bytes);
    }
    void copy_to_host(std::byte* to, const std::byte* from, int64_t bytes) override {
      inner.copy_to_host(to, from, bytes);
    }
    Device& inner;
    int& started;
  };

  std::unique_ptr<Kernel> inner_ = make_toy_kernel();
  OwnDevice device_;
};

TEST_CASE("nothing is recorded while somebody watches, and what was recorded is not started then") {
  struct Log final : ExecutionObserver {
    void begin(int) override { ++begun; }
    void start(int) override {}
    void end(int) override {}
    int begun = 0;
  };
  const Schedule alone = hand_written_ring(1, 3, {1, 1, 4});
  const auto fabric = threads_fabric(1);
  int started = 0;
  std::vector<int> begun;
  run_ranks(*fabric, [&](RankContext& context) {
    Recordable kernel(started);
    Executor executor(alone, 0, kernel, context.transport, context.control);
    Log log;
    const auto forward = [&](bool watched) {
      executor.observe(watched ? &log : nullptr);
      executor.record();
      executor.run();
      begun.push_back(std::exchange(log.begun, 0) + 100 * std::exchange(started, 0));
    };
    // Once, watched before anything is recorded; then recorded, watched, and recorded still.
    for (const bool watched : {false, true, false, true, false}) forward(watched);
  });
  CHECK(begun == std::vector<int>{0, 2, 100, 2, 100});
}

/// Hands all on.
class Passing : public Transport {
 public:
  explicit Passing(Transport& inner) : inner_(inner) {}
  std::unique_ptr<Fence> make_fence() override { return inner_.make_fence(); }
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
    inner_.enqueue(exchange, after, done);
  }
  void synchronize() override { inner_.synchronize(); }
  void cancel() noexcept override { inner_.cancel(); }
  bool moves(MemoryKind kind) const override { return inner_.moves(kind); }

 private:
  Transport& inner_;
};

TEST_CASE("what was recorded is rehearsed once, through wrappers of the transport") {
  class Rehearsing final : public Passing {
   public:
    using Passing::Passing;
    void rehearse(const std::function<void()>& start, Fence& end) override {
      start();
      rehearsed += end.ready() ? 1 : 100;
    }
    int rehearsed = 0;
  };
  const Schedule alone = hand_written_ring(1, 3, {1, 1, 4});
  const auto fabric = threads_fabric(1);
  std::vector<std::pair<int, int>> seen;
  run_ranks(*fabric, [&](RankContext& context) {
    int started = 0;
    Recordable kernel(started);
    Rehearsing transport(context.transport);
    RecordingTransport outer(transport);
    SwitchedTransport switched(outer, outer);
    Executor executor(alone, 0, kernel, switched, context.control);
    for (int i = 0; i < 3; ++i) {
      executor.record();
      seen.emplace_back(transport.rehearsed, started);
      executor.run();
    }
  });
  CHECK(seen == std::vector<std::pair<int, int>>{{0, 0}, {1, 1}, {1, 2}});
}

TEST_CASE("an observer is told when each exchange was in flight, and transports are not asked without one") {
  struct Spans final : ExecutionObserver {
    void begin(int) override {}
    void start(int) override {}
    void end(int) override {}
    void exchanged(int operation, const ExchangeSpan& span) override { spans.emplace_back(operation, span); }
    std::vector<std::pair<int, ExchangeSpan>> spans;
  };
  /// Counts exchanges that somebody watches.
  class Counting final : public Passing {
   public:
    using Passing::Passing;
    void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
      watched += exchange.span != nullptr ? 1 : 0;
      Passing::enqueue(exchange, after, done);
    }
    int watched = 0;
  };
  using Clock = std::chrono::steady_clock;
  constexpr int kRanks = 3;
  const Schedule ring = hand_written_ring(kRanks, 12, {2, 1, 8});
  for (const std::string& name : tested_transports()) {
    CAPTURE(name);
    const auto fabric = threads_fabric(kRanks, std::chrono::seconds(60), name);
    std::atomic<int> wrong{0};
    std::vector<std::vector<std::pair<int, ExchangeSpan>>> seen(kRanks);
    run_ranks(*fabric, [&](RankContext& context) {
      const auto kernel = make_toy_kernel();
      Counting transport(context.transport);
      Executor executor(ring, context.rank, *kernel, transport, context.control);
      executor.run();
      wrong += transport.watched;
      Spans spans;
      executor.observe(&spans);
      for (int again = 0; again < 2; ++again) {
        spans.spans.clear();
        context.control.barrier();
        const Clock::time_point before = Clock::now();
        executor.run();
        const Clock::time_point after = Clock::now();
        Clock::time_point last = before;
        for (const auto& [operation, span] : spans.spans) {
          wrong += last <= span.begin && span.begin <= span.end && span.end <= after ? 0 : 1;
          last = span.end;
        }
      }
      wrong += transport.watched == 2 * (kRanks - 1) ? 0 : 1;
      seen[static_cast<size_t>(context.rank)] = spans.spans;
    });
    CHECK(wrong == 0);
    for (size_t rank = 0; rank < kRanks; ++rank) {
      REQUIRE(seen[rank].size() == kRanks - 1);
      // What a rank received had been sent by then: its exchange cannot end before that of the sender begins.
      const auto& sender = seen[(rank + kRanks - 1) % kRanks];
      for (size_t i = 0; i < sender.size(); ++i) CHECK(seen[rank][i].second.end >= sender[i].second.begin);
    }
  }
}

}  // namespace
}  // namespace ringfold
