// What every transport must hold: messages of all sizes and orders, progress while a rank does something else.
#include "lib/ranks.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <random>
#include <thread>
#include <unistd.h>

namespace ringfold {
namespace {

std::vector<std::byte> pattern(int64_t bytes, int seed) {
  std::vector<std::byte> data(static_cast<size_t>(bytes));
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<std::byte>(i * 31 + i / 251 + static_cast<size_t>(seed));
  return data;
}

/// One exchange, from enqueue to its end.
void exchange_now(Transport& transport, const BoundExchange& exchange) {
  const std::unique_ptr<Fence> done = transport.make_fence();
  transport.enqueue(exchange, nullptr, *done);
  done->wait();
}

TEST_CASE("messages of all sizes go both ways at once") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const int64_t chunk = 256 << 10;
  const std::vector<int64_t> sizes = {0, 1, 4095, 4096, 4097, chunk - 1, chunk, chunk + 1, 3 * chunk + 5, 9 << 20};
  const auto fabric = threads_fabric(2, std::chrono::seconds(60), transport);
  std::atomic<int> wrong{0};
  run_ranks(*fabric, [&](RankContext& context) {
    const int peer = 1 - context.rank;
    for (const int64_t bytes : sizes) {
      std::vector<std::byte> sent = pattern(bytes, context.rank);
      std::vector<std::byte> received(sent.size());
      exchange_now(context.transport, {0, {{peer, 3, sent.data(), bytes}}, {{peer, 3, received.data(), bytes}}});
      if (received != pattern(bytes, peer)) ++wrong;
    }
  });
  CHECK(wrong == 0);
}

#if !defined(__SANITIZE_THREAD__)  // whose shadow memory is several times as large as what it follows
/// `bytes` of addresses on little memory: zeros until written to; or windows of 1 MiB that are all the same one, but
/// for the last, which is its own.
class WideMemory {
 public:
  WideMemory(int64_t bytes, bool windows) : bytes_(static_cast<size_t>(bytes)) {
    void* given = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const int file = memfd_create("window", 0);
    REQUIRE((given != MAP_FAILED && file >= 0 && ftruncate(file, kWindow) == 0));
    data_ = static_cast<std::byte*>(given);
    madvise(data_, bytes_, MADV_HUGEPAGE);
    for (size_t at = 0; windows && at + 2 * kWindow < bytes_; at += kWindow) {
      REQUIRE(mmap(data_ + at, kWindow, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED);
    }
    close(file);
  }
  ~WideMemory() { munmap(data_, bytes_); }
  WideMemory(const WideMemory&) = delete;
  WideMemory& operator=(const WideMemory&) = delete;
  std::byte* data() { return data_; }

 private:
  static constexpr size_t kWindow = 1 << 20;
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

TEST_CASE("a message of more than 2 GiB arrives whole") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const int64_t bytes = (int64_t{1} << 31) + 12345;
  WideMemory from(bytes, false);
  WideMemory to(bytes, true);
  const std::vector<std::byte> tail = pattern(20000, 5);
  std::memcpy(from.data() + bytes - 20000, tail.data(), tail.size());
  const auto fabric = threads_fabric(2, std::chrono::seconds(60), transport);
  run_ranks(*fabric, [&](RankContext& context) {
    if (context.rank == 0) {
      exchange_now(context.transport, {0, {{1, 0, from.data(), bytes}}, {}});
    } else {
      exchange_now(context.transport, {0, {}, {{0, 0, to.data(), bytes}}});
    }
  });
  CHECK(std::memcmp(to.data() + bytes - 20000, tail.data(), tail.size()) == 0);
}
#endif

TEST_CASE("transfers of one exchange are matched by peer and tag, whatever their order") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const int ranks = 5;
  const uint64_t tags = 4;
  const auto fabric = threads_fabric(ranks, std::chrono::seconds(60), transport);
  std::atomic<int> wrong{0};
  run_ranks(*fabric, [&](RankContext& context) {
    std::mt19937 random(static_cast<unsigned>(context.rank));
    std::vector<uint64_t> sent(ranks * tags);
    std::vector<uint64_t> received(ranks * tags);
    for (int round = 0; round < 50; ++round) {
      BoundExchange exchange;
      for (int peer = 0; peer < ranks; ++peer) {  // itself too
        for (uint64_t tag = 0; tag < tags; ++tag) {
          const size_t slot = static_cast<size_t>(peer) * tags + tag;
          const auto name = [&](int from, int to) {
            return static_cast<uint64_t>(((round * 8 + from) * 8 + to) * 8) + tag;
          };
          sent[slot] = name(context.rank, peer);
          received[slot] = 0;
          exchange.sends.push_back({peer, tag, reinterpret_cast<std::byte*>(&sent[slot]), 8});
          exchange.receives.push_back({peer, tag, reinterpret_cast<std::byte*>(&received[slot]), 8});
        }
      }
      std::shuffle(exchange.sends.begin(), exchange.sends.end(), random);
      std::shuffle(exchange.receives.begin(), exchange.receives.end(), random);
      exchange_now(context.transport, exchange);
      for (int peer = 0; peer < ranks; ++peer) {
        for (uint64_t tag = 0; tag < tags; ++tag) {
          const auto wanted = static_cast<uint64_t>(((round * 8 + peer) * 8 + context.rank) * 8) + tag;
          if (received[static_cast<size_t>(peer) * tags + tag] != wanted) ++wrong;
        }
      }
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("enqueued exchanges go on while their rank does something else") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const auto fabric = threads_fabric(2, std::chrono::seconds(60), transport);
  const int count = 100;
  std::vector<uint64_t> received(count);
  run_ranks(*fabric, [&](RankContext& context) {
    std::vector<uint64_t> sent(count);
    std::iota(sent.begin(), sent.end(), 7);
    std::vector<BoundExchange> exchanges(count);
    std::vector<std::unique_ptr<Fence>> done;
    for (size_t i = 0; i < count; ++i) {
      auto& memory = context.rank == 0 ? sent[i] : received[i];
      const Transfer transfer{1 - context.rank, 0, reinterpret_cast<std::byte*>(&memory), 8};
      (context.rank == 0 ? exchanges[i].sends : exchanges[i].receives).push_back(transfer);
      done.push_back(context.transport.make_fence());
      context.transport.enqueue(exchanges[i], nullptr, *done[i]);
    }
    context.transport.synchronize();
    if (!done.back()->ready()) throw std::runtime_error("synchronize returned early");
  });
  for (size_t i = 0; i < count; ++i) CHECK(received[i] == i + 7);
}

TEST_CASE("control moves small bytes between all ranks") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  for (const int ranks : {1, 2, 7}) {
    const auto fabric = threads_fabric(ranks, std::chrono::seconds(60), transport);
    std::atomic<int> wrong{0};
    run_ranks(*fabric, [&](RankContext& context) {
      for (int round = 0; round < 20; ++round) {
        const auto word = [&](int rank) { return std::to_string(round) + "/" + std::to_string(rank); };
        const std::vector<std::string> all = context.control.gather(word(context.rank));
        if (context.rank == 0) {
          for (int rank = 0; rank < ranks; ++rank) wrong += all.at(static_cast<size_t>(rank)) != word(rank);
        } else {
          wrong += !all.empty();
        }
        wrong += context.control.broadcast(word(context.rank)) != word(0);
        context.control.barrier();
      }
    });
    CHECK(wrong == 0);
  }
}

}  // namespace
}  // namespace ringfold
