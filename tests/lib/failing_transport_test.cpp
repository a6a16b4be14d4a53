#include "lib/failing_transport.h"

#include "lib/checksummed_transport.h"
#include "lib/error.h"
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
  Faulty(RankContext& context, Fault fault, uint64_t seed, bool sealed, Tally& tally, std::mutex& mutex)
      : failing_(context.transport, context.rank, fault, 0.2, seed * 16 + static_cast<uint64_t>(context.rank)),
        checksummed_(failing_, context.rank),
        top_(sealed ? static_cast<Transport&>(checksummed_) : failing_),
        tally_(tally),
        mutex_(mutex) {}
  ~Faulty() override {
    const std::lock_guard lock(mutex_);
    tally_.notes.insert(tally_.notes.end(), failing_.injected().begin(), failing_.injected().end());
  }
  std::unique_ptr<Fence> make_fence() override { return top_.make_fence(); }
  void enqueue(const BoundExchange& exchange, Fence* after, Fence& done) override { top_.enqueue(exchange, after, done); }
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

void run_one(const Schedule& ring, const Outputs& expected, Fault fault, uint64_t seed, bool sealed, Tally& tally) {
  std::mutex mutex;
  const bool stalls = fault == Fault::drop || fault == Fault::duplicate;
  const auto fabric = threads_fabric(kRanks, std::chrono::milliseconds(stalls ? 30 : 60000));
  const Wrap faults = [&](RankContext& context) -> std::unique_ptr<Transport> {
    return std::make_unique<Faulty>(context, fault, seed, sealed, tally, mutex);
  };
  try {
    const Outputs outputs = run_schedule(ring, *fabric, faults, 2);
    ++(outputs == expected ? tally.right : tally.wrong);
  } catch (const Error& error) {
    tally.errors.push_back(error.what());
  }
}

Tally run_seeds(Fault fault, int seeds, bool sealed) {
  const Schedule ring = hand_written_ring(kRanks, 20, {2, 1, 4});
  const Outputs expected = run_schedule(ring);
  Tally tally;
  for (int seed = 0; seed < seeds; ++seed) run_one(ring, expected, fault, static_cast<uint64_t>(seed), sealed, tally);
  return tally;
}

TEST_CASE("under seals any fault gives the right answer or a named error, never a wrong answer") {
  for (const Fault fault : {Fault::drop, Fault::delay, Fault::duplicate, Fault::reorder, Fault::flip_bit,
                            Fault::short_write, Fault::reset}) {
    INFO(to_string(fault));
    const Tally tally = run_seeds(fault, 25, true);
    CHECK(tally.wrong == 0);
    CHECK(tally.notes.size() >= 10);
    if (fault == Fault::delay) {
      CHECK(tally.errors.empty());
    } else {
      CHECK(tally.errors.size() >= 5);
    }
    for (const std::string& error : tally.errors) {
      INFO(error);
      CHECK(error.find("rank ") != std::string::npos);
      CHECK(error.find("operation ") != std::string::npos);
    }
  }
}

TEST_CASE("without seals flipped bits and short writes are wrong answers: the seals are what catches them") {
  CHECK(run_seeds(Fault::flip_bit, 10, false).wrong > 0);
  CHECK(run_seeds(Fault::short_write, 10, false).wrong > 0);
}

TEST_CASE("faults can be replayed from their seed") {
  const auto notes = [](uint64_t seed) {
    Tally tally;
    const Schedule ring = hand_written_ring(kRanks, 20, {2, 1, 4});
    run_one(ring, {}, Fault::flip_bit, seed, false, tally);
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
