// Ranks that are processes, over UCX: the same bits as threads, and what survivors report when one is lost in the
// middle of a transfer. Each over what UCX chooses within a host (shared memory) and over TCP, as between hosts.
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"
#include "tests/transports/worlds.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <new>
#include <signal.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;

/// Not where UCX has left a thread in this process, which a forked one would lack: run this file's tests alone.
bool can_run() {
  if (find_transport("ucx")->unavailable()) return false;
  const std::filesystem::directory_iterator threads("/proc/self/task");
  const bool is_alone = std::distance(begin(threads), end(threads)) == 1;
  if (!is_alone) WARN("skipped: other threads run in this process");
  return is_alone;
}

const std::vector<const char*> kWays = {"all", "tcp,self"};

TEST_CASE("ranks that are processes compute the bits of ranks that are threads") {
  if (!can_run()) return;
  for (const char* way : kWays) {
    for (const int ranks : {1, 2, 5}) {
      const Schedule schedule = hand_written_ring(ranks, 300, {4, 2, 64});
      const Outputs expected = run_schedule(schedule);
      const auto ended = in_forked_worlds(ranks, [&](World& world, std::string& text) {
        setenv("UCX_TLS", way, 1);
        const auto fabric = find_transport("ucx")->make(ranks, {milliseconds(60000), &world});
        const Outputs mine = run_schedule(schedule, *fabric, {}, 3);
        const auto first = static_cast<size_t>(2 * world.rank());
        if (mine == Outputs{expected.at(first), expected.at(first + 1)}) return 0;
        text = "other bits";
        return 5;
      });
      for (const Ended& each : ended) {
        INFO(way << ", " << ranks << " ranks: " << each.text);
        CHECK((each.code == 0 && !each.by_signal));
      }
    }
  }
}

/// Pairs of threads of this process: every other session fails with messages that nobody receives.
int fail_and_go_on() {
  for (int round = 0; round < 6; ++round) {
    const bool fails = round % 2 == 0;
    const auto fabric = threads_fabric(2, milliseconds(60000), "ucx");
    std::atomic<int> wrong{0};
    std::string text;
    try {
      run_ranks(*fabric, [&](RankContext& context) {
        std::vector<std::byte> mine(100000, std::byte(round));
        std::vector<std::byte> other(100000);
        const Transfer to{1 - context.rank, 0, mine.data(), 100000};
        const Transfer from{1 - context.rank, 0, other.data(), 100000};
        const auto done = context.transport.make_fence();
        const BoundExchange exchange{0, {to}, fails ? std::vector<Transfer>{} : std::vector<Transfer>{from}};
        context.transport.enqueue(exchange, nullptr, *done);
        if (fails) context.transport.cancel();  // before the memory goes
        if (fails) throw Error(ExitCode::numerics, "on purpose");
        done->wait();
        wrong += other != mine;
      });
    } catch (const Error& error) {
      text = error.what();
    }
    if (wrong != 0 || text != (fails ? "on purpose" : "")) return 1;
  }
  return 0;
}

TEST_CASE("a session that failed leaves nothing to the next") {
  if (!can_run()) return;
  for (const char* way : kWays) {
    const auto ended = in_forked_worlds(1, [&](World&, std::string&) {
      setenv("UCX_TLS", way, 1);
      return fail_and_go_on();
    });
    INFO(way << ": " << ended[0].text);
    CHECK((ended[0].code == 0 && !ended[0].by_signal));
  }
}

/// A value that forked processes share.
template <typename Value>
class Shared {
 public:
  Shared() : value_(mmap(nullptr, sizeof(Value), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (value_ == MAP_FAILED) throw std::runtime_error("no shared memory");
    new (value_) Value();
  }
  ~Shared() { munmap(value_, sizeof(Value)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  Value& operator*() const { return *static_cast<Value*>(value_); }

 private:
  void* value_;
};

/// Ranks send a large block round for ever; `victim` is sent `signal` from outside in the middle of it.
std::vector<Ended> lose(const char* way, int ranks, int victim, int signal, milliseconds deadline) {
  const Shared<std::atomic<int>> under_way;  // ranks that have ended a transfer: all are connected
  const auto body = [&](World& world, std::string&) {
    setenv("UCX_TLS", way, 1);
    const auto fabric = find_transport("ucx")->make(ranks, {deadline, &world});
    run_ranks(*fabric, [&](RankContext& context) {
      std::vector<std::byte> mine(24 << 20);
      std::vector<std::byte> other(24 << 20);
      const auto bytes = static_cast<int64_t>(mine.size());
      const BoundExchange exchange{3,
                                   {{(context.rank + 1) % ranks, 0, mine.data(), bytes}},
                                   {{(context.rank + ranks - 1) % ranks, 0, other.data(), bytes}}};
      const auto done = context.transport.make_fence();
      try {
        for (int round = 0;; ++round) {
          context.control.enter(3, "exchange");
          context.transport.enqueue(exchange, nullptr, *done);
          done->wait();
          if (round == 0) ++*under_way;
        }
      } catch (const Error&) {
        context.transport.cancel();  // before the memory goes
        throw;
      }
    });
    return 0;
  };
  return in_forked_worlds(ranks, body, [&](const std::vector<int>& pids) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (*under_way < ranks && std::chrono::steady_clock::now() < patience) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    std::this_thread::sleep_for(milliseconds(200));
    const int pid = pids[static_cast<size_t>(victim)];
    kill(pid, signal);
    if (signal != SIGSTOP) return;
    for (const int other : pids) {
      siginfo_t info;
      if (other != pid) waitid(P_PID, static_cast<id_t>(other), &info, WEXITED | WNOWAIT);
    }
    kill(pid, SIGKILL);
  });
}

TEST_CASE("a process that is killed in the middle of a transfer is named by all others") {
  if (!can_run()) return;
  for (const char* way : kWays) {
    for (const int ranks : {2, 4}) {
      for (const int victim : {0, ranks - 1}) {
        const auto start = std::chrono::steady_clock::now();
        const auto ended = lose(way, ranks, victim, SIGKILL, milliseconds(60000));
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));  // far below the deadline
        for (int rank = 0; rank < ranks; ++rank) {
          if (rank == victim) continue;
          const Ended& survivor = ended[static_cast<size_t>(rank)];
          INFO(way << ", rank " << rank << " of " << ranks << ", victim " << victim << ": " << survivor.text);
          CHECK((survivor.code == 7 && !survivor.by_signal));
          CHECK_THAT(survivor.text,
                     ContainsSubstring(fmt::format("rank {} (host here, pid {}) has died", victim, 1000 + victim)));
        }
      }
    }
  }
}

/// Rank 1 sends the others a large message and is killed `after` it has begun to connect to them.
std::vector<Ended> lose_while_connecting(int ranks, std::chrono::microseconds after) {
  return in_forked_worlds(ranks, [&](World& world, std::string&) {
    setenv("UCX_TLS", "tcp,self", 1);
    const auto fabric = find_transport("ucx")->make(ranks, {milliseconds(60000), &world});
    run_ranks(*fabric, [&](RankContext& context) {
      std::vector<std::byte> memory(4 << 20);
      const auto bytes = static_cast<int64_t>(memory.size());
      BoundExchange exchange{3, {}, {}};
      if (context.rank == 1) {
        for (const int peer : {0, 2}) exchange.sends.push_back({peer, 0, memory.data(), bytes});
      } else {
        exchange.receives.push_back({1, 0, memory.data(), bytes});
      }
      std::jthread death;
      if (context.rank == 1) {
        death = std::jthread([after] {
          std::this_thread::sleep_for(after);
          raise(SIGKILL);
        });
      }
      const auto done = context.transport.make_fence();
      try {
        context.transport.announce(std::vector<const BoundExchange*>{&exchange}, {});
        context.control.enter(3, "exchange");
        for (;;) {
          context.transport.enqueue(exchange, nullptr, *done);
          done->wait();
        }
      } catch (const Error&) {
        context.transport.cancel();  // before the memory goes
        throw;
      }
    });
    return 0;
  });
}

TEST_CASE("a process that is killed while others connect to it is named by all others") {
  if (!can_run()) return;
  for (int kill = 0; kill < 50; ++kill) {
    // Now and then an assertion of UCX fails here; where ranks do not wait for each other to be connected, others do in
    // two of five kills.
    const auto ended = lose_while_connecting(3, std::chrono::microseconds(100 * kill));
    for (const size_t rank : {0, 2}) {
      INFO("kill " << kill << ", rank " << rank << ": " << ended[rank].text);
      CHECK((ended[rank].code == 7 && !ended[rank].by_signal));
      CHECK_THAT(ended[rank].text, ContainsSubstring("rank 1 (host here, pid 1001) has died"));
    }
  }
}

TEST_CASE("a process that is stopped in the middle of a transfer is named once the deadline has gone by") {
  if (!can_run()) return;
  for (const char* way : kWays) {
    const auto ended = lose(way, 3, 1, SIGSTOP, milliseconds(1500));
    for (const size_t rank : {0, 2}) {
      INFO(way << ", rank " << rank << ": " << ended[rank].text);
      CHECK((ended[rank].code == 6 && !ended[rank].by_signal));
      CHECK_THAT(ended[rank].text, ContainsSubstring("rank 1 (host here, pid 1001) gives no sign of life") &&
                                       ContainsSubstring("operation 3 (exchange) waits for rank 1 to"));
    }
  }
}

}  // namespace
}  // namespace ringfold
