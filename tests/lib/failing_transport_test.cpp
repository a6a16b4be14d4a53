#include "lib/failing_transport.h"

#include "lib/checksummed_transport.h"
#include "lib/error.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "lib/strategy.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"

#include <algorithm>
#include <array>
#include <mutex>

namespace ringfold {
namespace {

constexpr int kRanks = 3;

struct Tally {
  int right = 0;
  int wrong = 0;
  std::vector<std::string> errors;  ///< of the runs that ended in one
  std::vector<std::string> notes;   ///< of the faults injected
};

/// Seals, or none, over faults over the rank's transport; reports its faults when it goes.
class Faulty final : public Transport {
 public:
  Faulty(RankContext& context, TransportFault fault, uint64_t seed, bool sealed, Tally& tally, std::mutex& mutex)
      : failing_(context.transport, context.rank, fault, sealed ? 0.06 : 0.5,
                 seed * 16 + static_cast<uint64_t>(context.rank)),
        checksummed_(failing_, context.rank),
        top_(sealed ? static_cast<Transport&>(checksummed_) : failing_),
        tally_(tally),
        mutex_(mutex) {}
  ~Faulty() override {
    const std::lock_guard lock(mutex_);
    tally_.notes.insert(tally_.notes.end(), failing_.injected().begin(), failing_.injected().end());
  }
  std::unique_ptr<Fence> make_fence() override { return top_.make_fence(); }
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override {
    top_.enqueue(exchange, after, done);
  }
  void synchronize() override { top_.synchronize(); }
  void cancel() noexcept override { top_.cancel(); }
  bool moves(MemoryKind kind) const override { return top_.moves(kind); }

 private:
  FailingTransport failing_;
  ChecksummedTransport checksummed_;
  Transport& top_;
  Tally& tally_;
  std::mutex& mutex_;
};

struct Way {
  std::string transport = "in_process";
  bool sealed = true;
};

void run_one(const Schedule& plan, const Outputs& expected, TransportFault fault, uint64_t seed, const Way& way,
             Tally& tally) {
  std::mutex mutex;
  const bool stalls = fault == TransportFault::drop || fault == TransportFault::duplicate;
  // Ranks that come late because the machine is busy are not to be taken for stalled ones.
  const int stalled_after = way.transport == "in_process" ? 30 : 150;
  const auto fabric = threads_fabric(kRanks, std::chrono::milliseconds(stalls ? stalled_after : 60000), way.transport);
  const Wrap faults = [&](RankContext& context) -> std::unique_ptr<Transport> {
    return std::make_unique<Faulty>(context, fault, seed, way.sealed, tally, mutex);
  };
  try {
    const Outputs outputs = run_schedule(plan, *fabric, faults, 2);
    ++(outputs == expected ? tally.right : tally.wrong);
  } catch (const Error& error) {
    tally.errors.push_back(error.what());
  }
}

/// All ranks send to all others at once, messages of equal length among them, so that they can be confused.
Schedule several_sends_an_exchange() {
  Problem problem;
  problem.sequences = {{18, 0}};
  problem.heads = {2, 1, 4};
  const auto strategy = find_strategy("all_gather")->make({{"layout", "contiguous"}});
  return assign_buffers(plan_cluster(*strategy, "all_gather", problem, {kRanks, 1}));
}

Tally run_seeds(TransportFault fault, int seeds, const Way& way) {
  const Schedule plan = several_sends_an_exchange();
  const Outputs expected = run_schedule(plan);
  Tally tally;
  for (int seed = 0; seed < seeds; ++seed) run_one(plan, expected, fault, static_cast<uint64_t>(seed), way, tally);
  return tally;
}

TEST_CASE("under seals any fault gives the right answer or a named error, never a wrong answer") {
  using enum TransportFault;
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  for (const TransportFault fault : {drop, delay, duplicate, reorder, flip_bit, short_write, reset}) {
    INFO(to_string(fault));
    const Tally tally = run_seeds(fault, transport == "in_process" ? 40 : 20, {transport, true});
    CHECK(tally.wrong == 0);
    CHECK(tally.notes.size() >= 10);
    if (fault == TransportFault::delay) {
      CHECK(tally.errors.empty());
    } else {
      CHECK(tally.errors.size() >= 5);
    }
    bool by_sum = false;  // hits on the message, not on its seal, must be among them
    for (const std::string& error : tally.errors) {
      INFO(error);
      by_sum = by_sum || error.find("its bytes are not the ones sent") != std::string::npos;
      CHECK(error.find("rank ") != std::string::npos);
      CHECK(error.find("operation ") != std::string::npos);
    }
    if (fault == TransportFault::flip_bit || fault == TransportFault::short_write) CHECK(by_sum);
  }
}

TEST_CASE("messages of equal length that arrive in each other's place are told apart") {
  int found = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto fabric = threads_fabric(2);
    std::array<uint64_t, 2> received{};
    try {
      run_ranks(*fabric, [&](RankContext& context) {
        FailingTransport failing(context.transport, context.rank, TransportFault::reorder, 0.5, seed);
        ChecksummedTransport sealed(failing, context.rank);
        std::array<uint64_t, 2> sent{17, 18};
        BoundExchange exchange;
        for (uint64_t tag = 0; tag < 2; ++tag) {
          auto& side = context.rank == 0 ? exchange.sends : exchange.receives;
          auto& memory = context.rank == 0 ? sent : received;
          side.push_back({1 - context.rank, tag, reinterpret_cast<std::byte*>(&memory[tag]), 8});
        }
        const auto done = sealed.make_fence();
        sealed.enqueue(exchange, nullptr, *done);
        done->wait();
      });
      CHECK(received == std::array<uint64_t, 2>{17, 18});
    } catch (const Error& error) {
      const std::string text = error.what();
      found += text.find("its bytes are not the ones sent") != std::string::npos ||
               text.find("another message came in its place") != std::string::npos;
    }
  }
  CHECK(found > 0);
}

TEST_CASE("without seals flipped bits and short writes are wrong answers: the seals are what catches them") {
  CHECK(run_seeds(TransportFault::flip_bit, 20, {.sealed = false}).wrong > 0);
  CHECK(run_seeds(TransportFault::short_write, 20, {.sealed = false}).wrong > 0);
}

TEST_CASE("faults can be replayed from their seed") {
  const auto notes = [](uint64_t seed) {
    Tally tally;
    const Schedule ring = hand_written_ring(kRanks, 20, {2, 1, 4});
    run_one(ring, {}, TransportFault::flip_bit, seed, {.sealed = false}, tally);
    std::sort(tally.notes.begin(), tally.notes.end());
    return tally.notes;
  };
  CHECK(notes(3) == notes(3));
  CHECK(notes(3) != notes(4));
}

TEST_CASE("a checksum changes with every bit and with the length") {
  std::array<std::byte, 75> data{};
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7);
  const uint64_t whole = checksum(data.data(), 75);
  for (size_t bit = 0; bit < 8 * data.size(); ++bit) {
    data[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    CHECK(checksum(data.data(), 75) != whole);
    data[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
  }
  CHECK(checksum(data.data(), 75) == whole);
  const std::array<std::byte, 16> zeros{};
  CHECK(checksum(zeros.data(), 8) != checksum(zeros.data(), 9));
  CHECK(checksum(zeros.data(), 0) != checksum(zeros.data(), 1));
}

}  // namespace
}  // namespace ringfold
