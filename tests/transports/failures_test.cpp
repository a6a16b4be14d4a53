// What happens when ranks fail, fall silent or leave. Deadlines are short; times are only checked against generous
// limits.
#include "lib/error.h"
#include "lib/ranks.h"
#include "lib/stop.h"
#include "tests/catch.h"
#include "tests/ring_fixture.h"

#include <array>
#include <atomic>
#include <mutex>
#include <thread>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;

struct Outcome {
  ExitCode code = ExitCode::ok;
  std::string text;
  std::vector<std::string> by_rank;  ///< what each rank's own thread threw
};

Outcome run(const std::string& transport, int ranks, milliseconds deadline,
            const std::function<void(RankContext&)>& body) {
  Outcome outcome;
  outcome.by_rank.resize(static_cast<size_t>(ranks));
  const auto fabric = threads_fabric(ranks, deadline, transport);
  try {
    run_ranks(*fabric, [&](RankContext& context) {
      try {
        body(context);
      } catch (const std::exception& error) {
        outcome.by_rank[static_cast<size_t>(context.rank)] = error.what();
        throw;
      }
    });
  } catch (const Error& error) {
    outcome.code = error.code();
    outcome.text = error.what();
  }
  return outcome;
}

std::array<std::byte, 64> memory[16];

void receive(RankContext& context, int peer, uint64_t tag, int operation) {
  const BoundExchange exchange{operation, {}, {{peer, tag, memory[context.rank].data(), 64}}};
  const auto done = context.transport.make_fence();
  context.control.enter(operation, "exchange");
  context.transport.enqueue(exchange, nullptr, *done);
  try {
    done->wait();
  } catch (...) {
    context.transport.cancel();
    throw;
  }
}

/// Works for a while with signs of life.
void work(RankContext& context, milliseconds duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
    context.control.tick();
    std::this_thread::sleep_for(milliseconds(1));
  }
}

TEST_CASE("different byte counts are an error that names both sides") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const Outcome outcome = run(transport, 2, milliseconds(60000), [](RankContext& context) {
    const int64_t bytes = context.rank == 0 ? 64 : 48;
    const Transfer transfer{1 - context.rank, 9, memory[context.rank].data(), bytes};
    BoundExchange exchange{4 + context.rank, {}, {}};
    (context.rank == 0 ? exchange.sends : exchange.receives).push_back(transfer);
    const auto done = context.transport.make_fence();
    context.transport.enqueue(exchange, nullptr, *done);
    done->wait();
  });
  CHECK(outcome.code == ExitCode::internal);
  CHECK_THAT(outcome.text, ContainsSubstring("rank 0") &&
                               ContainsSubstring("bytes with tag 9 to rank 1, which expects 48 in operation 5"));
}

TEST_CASE("a silent rank trips the deadline, is named with what it does, and so are those that wait") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  std::atomic<bool> over{false};
  std::atomic<bool> last_is_there{false};
  const Outcome outcome = run(transport, 3, milliseconds(600), [&](RankContext& context) {
    if (context.rank == 2) last_is_there = true;
    while (!last_is_there) context.control.tick();
    if (context.rank == 0) {
      context.control.enter(3, "attend");
      while (!over) std::this_thread::sleep_for(milliseconds(1));  // no tick
      context.control.barrier();                                   // to leave now could be what frees the others
    } else {
      try {
        receive(context, context.rank - 1, 7, 5);
      } catch (...) {
        over = true;
        throw;
      }
    }
  });
  CHECK(outcome.code == ExitCode::deadline);
  CHECK_THAT(outcome.text,
             ContainsSubstring("rank 0 shows no progress in operation 3 (attend) for") &&
                 ContainsSubstring("(deadline 600 ms)") &&
                 ContainsSubstring("rank 1, operation 5 (exchange) waits for rank 0 to send 64 bytes, tag 7") &&
                 ContainsSubstring("rank 2, operation 5 (exchange) waits for rank 1 to send 64 bytes, tag 7"));
}

TEST_CASE("a rank that is many deadlines late but ticks never trips, however long the chain of those that wait") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const Outcome outcome = run(transport, 4, milliseconds(200), [](RankContext& context) {
    if (context.rank == 0) work(context, milliseconds(1000));
    if (context.rank > 0) receive(context, context.rank - 1, 0, 0);
    if (context.rank < 3) {
      const BoundExchange send{1, {{context.rank + 1, 0, memory[context.rank].data(), 64}}, {}};
      const auto done = context.transport.make_fence();
      context.transport.enqueue(send, nullptr, *done);
      context.transport.synchronize();
    }
    context.control.barrier();
  });
  CHECK(outcome.text == "");
}

TEST_CASE("ranks that wait for each other are a deadline error that shows the circle") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const Outcome outcome = run(transport, 4, milliseconds(200), [](RankContext& context) {
    if (context.rank == 3) work(context, milliseconds(600));  // alive: it is not the reason
    receive(context, context.rank == 3 ? 0 : (context.rank + 1) % 3, 1, 2);
  });
  CHECK(outcome.code == ExitCode::deadline);
  CHECK_THAT(outcome.text, ContainsSubstring("wait for each other"));
  CHECK_THAT(outcome.text, ContainsSubstring("0 -> 1 -> 2 -> 0") || ContainsSubstring("1 -> 2 -> 0 -> 1") ||
                               ContainsSubstring("2 -> 0 -> 1 -> 2"));
}

TEST_CASE("a rank that never comes to a barrier is named") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  std::atomic<bool> over{false};
  const Outcome outcome = run(transport, 3, milliseconds(600), [&](RankContext& context) {
    if (context.rank == 2) {
      while (!over) std::this_thread::sleep_for(milliseconds(1));
    }
    try {
      context.control.barrier();
    } catch (...) {
      over = true;
      throw;
    }
  });
  CHECK(outcome.code == ExitCode::deadline);
  CHECK_THAT(outcome.text, ContainsSubstring("rank 2 shows no progress outside a program") &&
                               ContainsSubstring("rank 0 waits for rank 2 in barrier"));
}

TEST_CASE("an error on one rank frees the others, and is what the group reports") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = run(transport, 5, milliseconds(60000), [](RankContext& context) {
    if (context.rank == 3) {
      std::this_thread::sleep_for(milliseconds(10));
      throw Error(ExitCode::numerics, "rank 3, operation 8 (merge): no good");
    }
    if (context.rank == 4) context.control.barrier();
    receive(context, 3, 0, context.rank);
  });
  CHECK(outcome.code == ExitCode::numerics);
  CHECK(outcome.text == "rank 3, operation 8 (merge): no good");
  for (const size_t freed : {0, 1, 2, 4}) {
    CHECK(outcome.by_rank[freed] == "freed, since rank 3 failed: rank 3, operation 8 (merge): no good");
  }
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));  // far below the deadline
}

TEST_CASE("a rank that is freed outside control and transport cannot pass for the first that failed") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  std::atomic<bool> freed{false};
  std::atomic<bool> has_thrown{false};
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto wait_for = [&](const std::atomic<bool>& flag) {
    while (!flag && std::chrono::steady_clock::now() < patience) std::this_thread::sleep_for(milliseconds(1));
  };
  const auto fabric = threads_fabric(2, std::chrono::seconds(60), transport);
  CHECK_THROWS_WITH(run_ranks(
                        *fabric,
                        [&](RankContext& context) {
                          if (context.rank == 1) throw Error(ExitCode::numerics, "the culprit");
                          wait_for(freed);
                          has_thrown = true;
                          throw Error(ExitCode::numerics, "freed too");
                        },
                        [&] {
                          freed = true;
                          wait_for(has_thrown);
                          std::this_thread::sleep_for(milliseconds(20));  // for the freed rank to be reported
                        }),
                    "the culprit");
}

TEST_CASE("ranks that are freed at once do not speak for the one that noticed") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const Outcome outcome = run(transport, 4, milliseconds(300), [](RankContext& context) {
    if (context.rank == 3) std::this_thread::sleep_for(milliseconds(1500));
    try {
      context.control.barrier();
    } catch (const Error& error) {
      const bool is_freed = std::string_view(error.what()).starts_with("freed");
      if (is_freed) throw;
      std::this_thread::sleep_for(milliseconds(100));  // the others are quicker
      throw Error(error.code(), fmt::format("{}; noticed", error.what()));
    }
  });
  CHECK(outcome.code == ExitCode::deadline);
  CHECK_THAT(outcome.text, Catch::Matchers::StartsWith("rank 3 shows no progress"));
  if (transport == "in_process") CHECK_THAT(outcome.text, Catch::Matchers::EndsWith("; noticed"));
}

TEST_CASE("an exception that is no Error frees the others too") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const auto fabric = threads_fabric(3, std::chrono::seconds(60), transport);
  CHECK_THROWS_WITH(run_ranks(*fabric,
                              [](RankContext& context) {
                                if (context.rank == 1) throw std::length_error("too long");
                                context.control.barrier();
                              }),
                    "too long");
}

TEST_CASE("a rank that leaves early frees those that wait for it") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const Outcome outcome = run(transport, 3, milliseconds(60000), [](RankContext& context) {
    if (context.rank == 0) receive(context, 1, 2, 6);
    if (context.rank == 2) receive(context, 0, 2, 1);
  });
  CHECK(outcome.code == ExitCode::peer_lost);
  CHECK_THAT(outcome.text,
             ContainsSubstring("rank 1 has left") &&
                 ContainsSubstring("rank 0, operation 6 (exchange) waits for rank 1 to send 64 bytes, tag 2"));
}

TEST_CASE("a stop request interrupts ranks that wait") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const Outcome outcome = run(transport, 2, milliseconds(60000), [](RankContext& context) {
    if (context.rank == 0) {
      std::this_thread::sleep_for(milliseconds(5));
      request_stop();
    }
    receive(context, 1 - context.rank, 0, 0);
  });
  clear_stop();
  CHECK(outcome.code == ExitCode::interrupted);
  CHECK_THAT(outcome.text, ContainsSubstring("interrupted"));
}

TEST_CASE("ranks in different collective calls are an internal error") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  const Outcome outcome = run(transport, 2, milliseconds(60000), [](RankContext& context) {
    if (context.rank == 0) {
      context.control.barrier();
    } else {
      context.control.gather("x");
    }
  });
  CHECK(outcome.code == ExitCode::internal);
  CHECK_THAT(outcome.text, ContainsSubstring("barrier") && ContainsSubstring("gather"));
}

TEST_CASE("nobody touches a rank's memory once it has cancelled") {
  const std::string transport = GENERATE(Catch::Generators::from_range(tested_transports()));
  CAPTURE(transport);
  // Rank 1 fails while rank 0 copies to its memory, which is gone at once: for the address sanitizer.
  for (int round = 0; round < 20; ++round) {
    const Outcome outcome = run(transport, 2, milliseconds(60000), [round](RankContext& context) {
      const int64_t bytes = 16 << 20;
      const std::vector<std::byte> mine(static_cast<size_t>(bytes));
      const Transfer transfer{1 - context.rank, 0, const_cast<std::byte*>(mine.data()), bytes};
      BoundExchange exchange;
      (context.rank == 0 ? exchange.sends : exchange.receives).push_back(transfer);
      const auto done = context.transport.make_fence();
      if (context.rank == 0) std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
      context.transport.enqueue(exchange, nullptr, *done);
      if (context.rank == 0) context.transport.synchronize();
      std::this_thread::sleep_for(std::chrono::microseconds(700));
      context.transport.cancel();
      throw Error(ExitCode::numerics, "gone");
    });
    CHECK((outcome.code == ExitCode::numerics));
  }
}

}  // namespace
}  // namespace ringfold
