// What transports of GPU memory must hold, on as many GPUs as there are. nccl_test.cpp and peer_copy_test.cpp test what
// needs none.
#include "lib/error.h"
#include "tests/catch.h"
#include "tests/skip.h"
#include "tests/transports/gpu_program.h"
#include "transports/gpus.h"

#include <atomic>
#include <chrono>
#include <thread>

namespace ringfold {
namespace {

using Catch::Matchers::ContainsSubstring;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

const std::vector<std::string> kTransports = {"nccl", "peer_copy", "ucx"};
constexpr milliseconds kDeadline{10000};

/// Threads that are ranks of this transport; null, and the test is noted as skipped, where it cannot be or there are
/// fewer GPUs.
std::unique_ptr<Fabric> gpu_fabric(const std::string& transport, int ranks, std::chrono::milliseconds deadline) {
  const TransportInfo* info = find_transport(transport);
  const std::string missing = missing_for_gpus(*info, ranks);
  if (!missing.empty()) {
    WARN(transport << " with " << ranks << " ranks is skipped: " << missing);
    if (gpu_count() < 2) skip_test(describe_gpus());  // else what two can do is tested
    return nullptr;
  }
  return info->make(ranks, {deadline});
}

struct Failure {
  ExitCode code = ExitCode::ok;
  std::string text;
};

Failure failure_of(Fabric& fabric, const std::function<void(RankContext&)>& body) {
  try {
    run_ranks(fabric, body);
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {};
}

/// Every rank sends to every other and to itself, in exchanges whose tags do not ascend and whose sizes are ugly.
std::vector<GpuMessage> all_to_all(int ranks, int exchanges) {
  const std::vector<int64_t> sizes = {8, 0, 1, 4097, (1 << 20) + 3, 65536, 2, (5 << 20) + 1};
  std::vector<GpuMessage> messages;
  size_t next = 0;
  for (int exchange = 0; exchange < exchanges; ++exchange) {
    for (int from = 0; from < ranks; ++from) {
      for (int to = 0; to < ranks; ++to) {
        for (const uint64_t tag : {uint64_t{9}, uint64_t{2}, uint64_t{1} << 40, uint64_t{5}}) {
          messages.push_back({from, to, tag, sizes[next++ % sizes.size()], exchange, exchange});
        }
      }
    }
  }
  return messages;
}

/// Exchange 0 of rank 0 meets three of rank 1, then exchange 3 of rank 1 meets three of rank 0.
std::vector<GpuMessage> uneven() {
  return {{0, 1, 3, 1000, 0, 2}, {0, 1, 2, 2000, 0, 1}, {0, 1, 1, 3000, 0, 0},
          {1, 0, 3, 4000, 3, 1}, {1, 0, 2, 5000, 3, 3}, {1, 0, 1, 6000, 3, 2}};
}

/// Exchanges in which each rank in turn receives little, around what a transport may treat as such, and the others
/// much.
std::vector<GpuMessage> lopsided(int ranks, int exchanges) {
  const std::vector<int64_t> little = {1, 16, 4097, 100000, (1 << 20) - 4, 1 << 20};
  std::vector<GpuMessage> messages;
  for (int exchange = 0; exchange < exchanges; ++exchange) {
    const int64_t bytes = little[static_cast<size_t>(exchange) % little.size()];
    for (int from = 0; from < ranks; ++from) {
      for (int to = 0; to < ranks; ++to) {
        messages.push_back({from, to, 7, to == exchange % ranks ? bytes : bytes + (1 << 20), exchange, exchange});
      }
    }
  }
  return messages;
}

/// The same memory goes through eager runs and through a recorded one, with other data each time.
void check_runs(const std::string& transport, int ranks, const std::vector<GpuMessage>& messages, int exchanges) {
  const auto fabric = gpu_fabric(transport, ranks, kDeadline);
  if (!fabric) return;
  FirstText wrong;
  const Failure failure = failure_of(*fabric, [&](RankContext& context) {
    GpuProgram program(context, messages, exchanges);
    for (int run = 0; run < 4; ++run) {
      program.fill(run);
      program.run();
      wrong.offer(program.wrong(run));
    }
    if (!context.transport.is_stream_ordered()) return;
    program.record();
    for (int run = 4; run < 24; ++run) {
      program.fill(run);
      program.start_recorded();
      program.watch();
      wrong.offer(program.wrong(run));
    }
    program.fill(24);
    program.run();  // eager again
    wrong.offer(program.wrong(24));
  });
  INFO(transport << ", " << ranks << " ranks");
  CHECK(failure.text == "");
  CHECK(wrong.text() == "");
}

TEST_CASE("GPU messages of all sizes and tags arrive, eager and recorded") {
  for (const std::string& transport : kTransports) {
    for (const int ranks : {1, 2, 4}) check_runs(transport, ranks, all_to_all(ranks, 3), 3);
  }
}

TEST_CASE("a GPU exchange may meet several of its peer's") {
  for (const std::string& transport : kTransports) check_runs(transport, 2, uneven(), 4);
}

TEST_CASE("one end of a GPU exchange may receive little and the other much") {
  for (const std::string& transport : kTransports) {
    for (const int ranks : {1, 2, 4}) check_runs(transport, ranks, lopsided(ranks, 12), 12);
  }
}

TEST_CASE("two programs share a GPU transport") {
  for (const std::string& transport : kTransports) {
    const auto fabric = gpu_fabric(transport, 2, kDeadline);
    if (!fabric) continue;
    FirstText wrong;
    const Failure failure = failure_of(*fabric, [&](RankContext& context) {
      GpuProgram first(context, all_to_all(2, 1), 1);
      GpuProgram second(context, uneven(), 4);
      for (int run = 0; run < 3; ++run) {
        for (GpuProgram* program : {&first, &second}) {
          program->fill(run);
          program->run();
          wrong.offer(program->wrong(run));
        }
      }
    });
    INFO(transport);
    CHECK(failure.text == "");
    CHECK(wrong.text() == "");
  }
}

TEST_CASE("a GPU message of more than 2 GiB arrives whole") {
  for (const std::string& transport : kTransports) {
    const auto fabric = gpu_fabric(transport, 2, 6 * kDeadline);  // ranks make and compare their data in silence
    if (!fabric) continue;
    FirstText wrong;
    const Failure failure = failure_of(*fabric, [&](RankContext& context) {
      GpuProgram program(context, {{0, 1, 0, (int64_t{1} << 31) + 12345, 0, 0}}, 1);
      program.fill(0);
      context.control.barrier();
      program.run();
      context.control.barrier();
      wrong.offer(program.wrong(0));
    });
    INFO(transport);
    CHECK(failure.text == "");
    CHECK(wrong.text() == "");
  }
}

TEST_CASE("a watched GPU exchange says when it was in flight") {
  for (const std::string& transport : kTransports) {
    const auto fabric = gpu_fabric(transport, 2, kDeadline);
    if (!fabric) continue;
    FirstText wrong;
    const Failure failure = failure_of(*fabric, [&](RankContext& context) {
      std::vector<ExchangeSpan> spans;
      GpuProgram program(context, all_to_all(2, 3), 3);
      program.fill(0);
      program.run();
      program.watch_spans(spans);
      context.control.barrier();
      const auto begin = steady_clock::now();
      program.run();
      const auto end = steady_clock::now();
      const auto slack = milliseconds(1);  // a device's clock and how late its end is seen
      auto earliest = begin - slack;
      for (const ExchangeSpan& span : spans) {
        if (span.begin < earliest || span.end < span.begin || span.end > end + slack)
          wrong.offer("a span out of order");
        earliest = span.begin;
      }
    });
    INFO(transport);
    CHECK(failure.text == "");
    CHECK(wrong.text() == "");
  }
}

TEST_CASE("a rank that fails frees one whose GPU waits for it") {
  for (const std::string& transport : kTransports) {
    for (const bool is_recorded : {false, true}) {
      if (is_recorded && transport == "ucx") continue;  // no recording of what the host drives
      const auto fabric = gpu_fabric(transport, 2, kDeadline);
      if (!fabric) continue;
      std::atomic<int64_t> freed_ms{0};
      const Failure failure = failure_of(*fabric, [&](RankContext& context) {
        GpuProgram program(context, all_to_all(2, 3), 3);
        program.fill(0);
        program.run();
        if (is_recorded) program.record();
        context.control.barrier();
        if (context.rank == 1) {
          std::this_thread::sleep_for(milliseconds(100));
          context.transport.cancel();
          throw Error(ExitCode::numerics, "on purpose");
        }
        const auto begin = steady_clock::now();
        try {
          if (is_recorded) program.start_recorded();
          is_recorded ? program.watch() : program.run();
        } catch (const Error&) {
          freed_ms = (steady_clock::now() - begin) / milliseconds(1);
          throw;
        }
      });
      INFO(transport << (is_recorded ? ", recorded" : ", eager"));
      CHECK((failure.code == ExitCode::numerics && failure.text == "on purpose"));
      CHECK((freed_ms >= 100 && freed_ms < 5000));
    }
  }
  // The devices are none the worse for it.
  for (const std::string& transport : kTransports) check_runs(transport, 2, all_to_all(2, 1), 1);
}

TEST_CASE("a rank that stands still is named by one whose GPU waits for it, once the deadline has gone by") {
  for (const std::string& transport : kTransports) {
    const auto fabric = gpu_fabric(transport, 2, milliseconds(2000));
    if (!fabric) continue;
    const auto begin = steady_clock::now();
    const Failure failure = failure_of(*fabric, [&](RankContext& context) {
      GpuProgram program(context, all_to_all(2, 2), 2);
      program.fill(0);
      program.run();
      context.control.barrier();
      if (context.rank == 1) {
        context.control.enter(1, "attend");
        std::this_thread::sleep_for(milliseconds(7000));
        context.control.check();
        return;
      }
      program.run();
    });
    INFO(transport << ": " << failure.text);
    CHECK(failure.code == ExitCode::deadline);
    CHECK_THAT(failure.text, ContainsSubstring("rank 1 shows no progress in operation 1 (attend)") &&
                                 ContainsSubstring("rank 0, operation 0 (exchange) waits for rank 1 to"));
    CHECK(steady_clock::now() - begin < milliseconds(30000));
  }
}

}  // namespace
}  // namespace ringfold
