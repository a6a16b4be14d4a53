// What is UCX's own. What it shares with all transports is in exchanges_test.cpp and failures_test.cpp, processes are
// in ucx_processes_test.cpp.
#include "lib/error.h"
#include "lib/ranks.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <numeric>
#include <thread>

namespace {

/// Where this thread counts what it allocates with operator new; null: nowhere.
thread_local int64_t* allocations = nullptr;

}  // namespace

// All other forms of new come down to these, so that what one allocates another may free. UCX itself is C.
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  if (allocations != nullptr) ++*allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void* operator new(size_t bytes) {
  if (void* memory = operator new(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;

bool has_ucx() { return !find_transport("ucx")->unavailable(); }
std::unique_ptr<Fabric> fabric_of(int ranks) { return threads_fabric(ranks, milliseconds(60000), "ucx"); }

/// Sets a variable of the environment for as long as it lives.
class Setting {
 public:
  Setting(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    setenv(name, value, 1);
  }
  ~Setting() { old_.empty() ? unsetenv(name_) : setenv(name_, old_.c_str(), 1); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
  std::string old_;
};

/// Throws where the flag is not set within a minute.
template <typename Flag>
void wait_for(Control& control, Flag&& flag) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!flag()) {
    control.tick();
    std::this_thread::sleep_for(milliseconds(1));
    if (std::chrono::steady_clock::now() > patience) throw std::runtime_error("waited in vain");
  }
}

TEST_CASE("the library in use is described, or what is missing is") {
  const TransportInfo* info = find_transport("ucx");
  REQUIRE(info != nullptr);
  if (info->unavailable()) {
    CHECK_THAT(*info->unavailable(), ContainsSubstring("UCX"));
    return;
  }
  CHECK_THAT(info->describe(), ContainsSubstring("UCX 1.") && ContainsSubstring("libucp.so") &&
                                   ContainsSubstring("transports self") && ContainsSubstring("memory of host"));
}

TEST_CASE("a setting that leaves no way is an error of one line, in UCX's words") {
  if (!has_ucx()) return;
  {
    const Setting nonsense("UCX_TLS", "nonsense");
    const auto reason = find_transport("ucx")->unavailable();
    REQUIRE(reason);
    CHECK_THAT(*reason, ContainsSubstring("UCX does not start: ") && ContainsSubstring("nonsense"));
    CHECK(reason->find('\n') == std::string::npos);
    CHECK_THROWS_WITH(fabric_of(2), *reason);
  }
  {
    const Setting alone("UCX_TLS", "self");
    const auto fabric = fabric_of(2);
    std::string text;
    ExitCode code = ExitCode::ok;
    try {
      run_ranks(*fabric, [](RankContext& context) {
        std::byte memory[8] = {};
        const Transfer transfer{1 - context.rank, 0, memory, 8};
        const auto done = context.transport.make_fence();
        const BoundExchange exchange{7, {transfer}, {}};
        context.transport.enqueue(exchange, nullptr, *done);
        done->wait();
      });
    } catch (const Error& error) {
      code = error.code();
      text = error.what();
    }
    CHECK(code == ExitCode::unavailable);
    CHECK_THAT(text, ContainsSubstring("cannot reach rank") && ContainsSubstring("over UCX: "));
    CHECK(text.find('\n') == std::string::npos);
  }
}

TEST_CASE("a tag that does not fit beside the sender's number is refused before anything is sent") {
  if (!has_ucx()) return;
  for (const int ranks : {1, 2, 5}) {
    const int bits = ranks == 5 ? 61 : 63;
    std::atomic<int> refused{0};
    std::atomic<int> delivered{0};
    const auto fabric = fabric_of(ranks);
    run_ranks(*fabric, [&](RankContext& context) {
      uint64_t sent = 1;
      uint64_t received = 0;
      const int to = (context.rank + 1) % ranks;
      const int from = (context.rank + ranks - 1) % ranks;
      const auto exchange_with = [&](uint64_t tag, uint64_t value) {
        sent = value;
        const BoundExchange exchange{
            4,
            {{to, 0, reinterpret_cast<std::byte*>(&sent), 8}, {to, tag, reinterpret_cast<std::byte*>(&sent), 8}},
            {{from, 0, reinterpret_cast<std::byte*>(&received), 8},
             {from, tag, reinterpret_cast<std::byte*>(&received), 8}}};
        const auto done = context.transport.make_fence();
        context.transport.enqueue(exchange, nullptr, *done);
        done->wait();
      };
      try {
        exchange_with(uint64_t{1} << bits, 3);
      } catch (const Error& error) {
        const auto wanted = fmt::format("operation 4: tag {} has more than {} bits", uint64_t{1} << bits, bits);
        if (std::string(error.what()).find(wanted) != std::string::npos) ++refused;
      }
      exchange_with((uint64_t{1} << bits) - 1, 5);
      if (received == 5) ++delivered;
    });
    CHECK(refused == ranks);
    CHECK(delivered == ranks);
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("nothing is allocated for a message once the vectors have grown") {
  if (!has_ucx()) return;
  std::atomic<int64_t> allocated{0};
  const auto fabric = fabric_of(2);
  run_ranks(*fabric, [&](RankContext& context) {
    std::vector<std::byte> mine(1 << 20);
    std::vector<std::byte> other(1 << 20);
    const int peer = 1 - context.rank;
    const auto done = context.transport.make_fence();
    int64_t count = 0;
    for (int round = 0; round < 60; ++round) {
      for (const int64_t bytes : {int64_t{0}, int64_t{8}, int64_t{5000}, int64_t{1} << 20}) {
        const BoundExchange exchange{0, {{peer, 0, mine.data(), bytes}}, {{peer, 0, other.data(), bytes}}};
        if (round >= 10) allocations = &count;
        context.transport.enqueue(exchange, nullptr, *done);
        done->wait();
        allocations = nullptr;
      }
    }
    allocated += count;
  });
  CHECK(allocated == 0);
}
#endif

TEST_CASE("messages that come long before they are wanted wait, in any number") {
  if (!has_ucx()) return;
  const size_t count = 20000;
  std::atomic<bool> sent{false};
  std::atomic<int> wrong{0};
  const auto fabric = fabric_of(2);
  run_ranks(*fabric, [&](RankContext& context) {
    std::vector<uint64_t> values(count);
    if (context.rank == 0) std::iota(values.begin(), values.end(), 1);
    BoundExchange exchange;
    for (size_t i = 0; i < count; ++i) {  // the last first on one side
      const size_t at = context.rank == 0 ? i : count - 1 - i;
      (context.rank == 0 ? exchange.sends : exchange.receives)
          .push_back({1 - context.rank, at, reinterpret_cast<std::byte*>(&values[at]), 8});
    }
    const auto done = context.transport.make_fence();
    if (context.rank == 1) wait_for(context.control, [&] { return sent.load(); });
    context.transport.enqueue(exchange, nullptr, *done);
    sent = true;
    done->wait();
    for (size_t i = 0; i < count; ++i) wrong += values[i] != i + 1;
  });
  CHECK(wrong == 0);
}

TEST_CASE("transfers end while their ranks compute and never look") {
  if (!has_ucx()) return;
  for (const int64_t bytes : {int64_t{8}, int64_t{32} << 20}) {
    const auto fabric = fabric_of(3);
    CHECK_NOTHROW(run_ranks(*fabric, [&](RankContext& context) {
      std::vector<std::byte> mine(static_cast<size_t>(bytes));
      std::vector<std::byte> other(static_cast<size_t>(bytes));
      const Transfer to{(context.rank + 1) % 3, 0, mine.data(), bytes};
      const Transfer from{(context.rank + 2) % 3, 0, other.data(), bytes};
      const BoundExchange exchange{0, {to}, {from}};
      std::vector<std::unique_ptr<Fence>> done;
      for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 3; ++i) {
          done.push_back(context.transport.make_fence());
          context.transport.enqueue(exchange, nullptr, *done.back());
        }
        std::this_thread::sleep_for(milliseconds(10 * round));  // the helper looks, or sleeps
        wait_for(context.control, [&] { return done.back()->ready(); });
      }
    }));
  }
}

TEST_CASE("ranks that wait, and ranks with nothing to do, leave the processor to others") {
  if (!has_ucx()) return;
  const auto busy = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  std::atomic<int64_t> percent{100};
  const auto fabric = fabric_of(3);
  run_ranks(*fabric, [&](RankContext& context) {
    std::byte memory[8] = {};
    const auto done = context.transport.make_fence();
    const BoundExchange send{0, {{1, 0, memory, 8}}, {}};
    const BoundExchange receive{0, {}, {{0, 0, memory, 8}}};
    context.control.barrier();
    if (context.rank == 0) {
      const auto start = std::chrono::steady_clock::now();
      const auto used = busy();
      for (int i = 0; i < 60; ++i) {
        std::this_thread::sleep_for(milliseconds(10));
        context.control.tick();
      }
      percent = 100 * (busy() - used) / (std::chrono::steady_clock::now() - start);
    }
    if (context.rank != 2) {
      context.transport.enqueue(context.rank == 0 ? send : receive, nullptr, *done);
      done->wait();
    }
    context.control.barrier();
  });
  CHECK(percent < 30);
}

}  // namespace
}  // namespace ringfold
