// The ringfold program with defective plugins beside correct ones, to show what a user sees of them. Its tables take
// the place of those that the build makes.
#include "experiments/cli.h"
#include "lib/control.h"
#include "lib/failing_transport.h"
#include "lib/kernel.h"
#include "lib/strategy.h"
#include "lib/transport.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

extern const ringfold::KernelInfo kernel_info_cpu_reference;
extern const ringfold::StrategyInfo strategy_info_naive_ring;
extern const ringfold::TransportInfo transport_info_in_process;

namespace ringfold {
namespace {

/// naive_ring whose last rank forgets the first key of the first block that it attends.
class ForgetfulRing final : public Strategy {
 public:
  std::vector<Program> plan(const Problem& problem, const Group& group) const override {
    std::vector<Program> programs = strategy_info_naive_ring.make({})->plan(problem, group);
    for (Operation& operation : programs.back().operations) {
      auto* attend = std::get_if<Attend>(&operation);
      if (attend == nullptr) continue;
      TokenSet& tokens = attend->kv.front().tokens;
      std::vector<TokenRange> ranges(tokens.ranges().begin(), tokens.ranges().end());
      ++ranges.front().begin;
      tokens = TokenSet(ranges);
      break;
    }
    return programs;
  }
};

/// cpu_reference, and what is wrong after each attend.
class DefectiveKernel : public Kernel {
 public:
  explicit DefectiveKernel(const KernelOptions& options) : inner_(kernel_info_cpu_reference.make(options)) {}
  Capabilities capabilities() const override { return inner_->capabilities(); }
  Device& device() override { return inner_->device(); }
  void attend(Queue& queue, const AttendTask& task) override {
    inner_->attend(queue, task);
    queue.synchronize();
    spoil(task);
  }
  void merge(Queue& queue, const MergeTask& task) override { inner_->merge(queue, task); }
  void finish(Queue& queue, const FinishTask& task) override { inner_->finish(queue, task); }
  void copy(Queue& queue, const CopyTask& task) override { inner_->copy(queue, task); }

 private:
  virtual void spoil(const AttendTask& task) = 0;
  std::unique_ptr<Kernel> inner_;
};

/// The first value of every state is a little off.
class OffKernel final : public DefectiveKernel {
  using DefectiveKernel::DefectiveKernel;
  void spoil(const AttendTask& task) override {
    if (!task.state.o.segments.empty()) *reinterpret_cast<float*>(task.state.o.data) += 0.01F;
  }
};

/// One rank shows no sign of life for two seconds, in the last of its three attends: the others have what they need.
class StuckKernel final : public DefectiveKernel {
  using DefectiveKernel::DefectiveKernel;
  void spoil(const AttendTask&) override {
    static std::atomic<bool> is_stuck{false};
    if (++attends_ == 3 && !is_stuck.exchange(true)) std::this_thread::sleep_for(std::chrono::seconds(2));
  }
  int attends_ = 0;
};

template <typename Defective>
KernelInfo kernel(std::string_view id) {
  return {id, "defective", kernel_info_cpu_reference.unavailable, kernel_info_cpu_reference.describe,
          [](const KernelOptions& options) -> std::unique_ptr<Kernel> { return std::make_unique<Defective>(options); }};
}

/// Flips the lowest bit of what arrives, but for the first exchanges: too little for the numeric bounds to see.
class FlippingTransport final : public StagedTransport {
 public:
  FlippingTransport(Transport& inner, int spared) : StagedTransport(inner), spared_(spared) {}

 private:
  void prepare(BoundExchange&) override {}
  void conclude(const BoundExchange& exchange) override {
    if (--spared_ < 0 && !exchange.receives.empty()) exchange.receives.front().data[0] ^= std::byte{1};
  }
  int spared_;
};

/// A defective transport with the one that it wraps.
class Owning final : public Transport {
 public:
  Owning(std::unique_ptr<Transport> inner, std::unique_ptr<Transport> top)
      : inner_(std::move(inner)), top_(std::move(top)) {}
  std::unique_ptr<Fence> make_fence() override { return top_->make_fence(); }
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
    top_->enqueue(exchange, after, done);
  }
  void synchronize() override { top_->synchronize(); }
  void cancel() noexcept override { top_->cancel(); }
  bool moves(MemoryKind kind) const override { return top_->moves(kind); }

 private:
  std::unique_ptr<Transport> inner_;
  std::unique_ptr<Transport> top_;
};

using Wrap = std::unique_ptr<Transport> (*)(Transport& inner, int rank);

/// in_process, but for what rank 1 sends or receives.
class DefectiveFabric final : public Fabric {
 public:
  DefectiveFabric(int ranks, const TransportOptions& options, Wrap wrap)
      : inner_(transport_info_in_process.make(ranks, options)), wrap_(wrap) {}
  int ranks() const override { return inner_->ranks(); }
  std::unique_ptr<Control> make_control(int rank) override { return inner_->make_control(rank); }
  std::unique_ptr<Transport> make_transport(int rank, Control& control) override {
    std::unique_ptr<Transport> inner = inner_->make_transport(rank, control);
    if (rank != 1) return inner;
    std::unique_ptr<Transport> top = wrap_(*inner, rank);
    return std::make_unique<Owning>(std::move(inner), std::move(top));
  }

 private:
  std::unique_ptr<Fabric> inner_;
  Wrap wrap_;
};

template <TransportFault fault>
std::unique_ptr<Transport> failing(Transport& inner, int rank) {
  return std::make_unique<FailingTransport>(inner, rank, fault, 1.0, 7);
}

template <int spared>
std::unique_ptr<Transport> flipping(Transport& inner, int) {
  return std::make_unique<FlippingTransport>(inner, spared);
}

template <Wrap wrap>
TransportInfo transport(std::string_view id) {
  return {id, "defective", transport_info_in_process.unavailable, transport_info_in_process.describe,
          [](int ranks, const TransportOptions& options) -> std::unique_ptr<Fabric> {
            return std::make_unique<DefectiveFabric>(ranks, options, wrap);
          }};
}

template <typename Info>
const Info* find(std::span<const Info> table, std::string_view id) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Info& info) { return info.id == id; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace

std::span<const StrategyInfo> strategy_table() {
  static const std::array table = {
      strategy_info_naive_ring,
      StrategyInfo{"forgetful_ring", "defective", strategy_info_naive_ring.options,
                   [](const Options&) -> std::unique_ptr<Strategy> { return std::make_unique<ForgetfulRing>(); }}};
  return table;
}
const StrategyInfo* find_strategy(std::string_view id) { return find(strategy_table(), id); }

std::span<const KernelInfo> kernel_table() {
  static const std::array table = {kernel_info_cpu_reference, kernel<OffKernel>("off"), kernel<StuckKernel>("stuck")};
  return table;
}
const KernelInfo* find_kernel(std::string_view id) { return find(kernel_table(), id); }

std::span<const TransportInfo> transport_table() {
  // The test's ring of 3 ranks has 2 exchanges a forward.
  static const std::array table = {transport_info_in_process, transport<failing<TransportFault::drop>>("dropping"),
                                   transport<failing<TransportFault::reset>>("resetting"),
                                   transport<flipping<0>>("flipping"), transport<flipping<2>>("flipping_later")};
  return table;
}
const TransportInfo* find_transport(std::string_view id) { return find(transport_table(), id); }

}  // namespace ringfold

int main(int argc, char** argv) { return ringfold::run_program(argc, argv); }
