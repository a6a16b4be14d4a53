// What an executor tells those who watch it.
#include "lib/executor.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "tests/toy_kernel.h"

#include <atomic>
#include <chrono>
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

TEST_CASE("an observer is told when each exchange was in flight, and transports are not asked without one") {
  struct Spans final : ExecutionObserver {
    void begin(int) override {}
    void start(int) override {}
    void end(int) override {}
    void exchanged(int operation, const ExchangeSpan& span) override { spans.emplace_back(operation, span); }
    std::vector<std::pair<int, ExchangeSpan>> spans;
  };
  /// Counts exchanges that somebody watches.
  class Counting final : public Transport {
   public:
    explicit Counting(Transport& inner) : inner_(inner) {}
    std::unique_ptr<Fence> make_fence() override { return inner_.make_fence(); }
    void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
      watched += exchange.span != nullptr ? 1 : 0;
      inner_.enqueue(exchange, after, done);
    }
    void synchronize() override { inner_.synchronize(); }
    void cancel() noexcept override { inner_.cancel(); }
    bool moves(MemoryKind kind) const override { return inner_.moves(kind); }
    int watched = 0;

   private:
    Transport& inner_;
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
