// The ucx transport against the ucx_perftest of the UCX in use, on this host: the same sizes, the same UCX_TLS, in
// turns. Latency: half a round trip of one message. Bandwidth: one way, 32 messages in flight; there another one starts
// whenever one has ended, here 32 when all have, as exchanges do. Prints a table; asserts nothing. Each rank has a
// processor of its own, the same as the end of ucx_perftest with the same part. That polls without end, makes no plans
// and talks to no control plane. On a busy machine: chrt -f 1 build/tests/bench_ucx.
// Arguments: [turns] [bytes...]
#include "kernels/host_device.h"
#include "lib/ranks.h"
#include "tests/transports/worlds.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sched.h>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace ringfold {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kInFlight = 32;

double microseconds(Clock::duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Of turns: a median, and between which values half of them lie.
struct Spread {
  explicit Spread(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    low = values[values.size() / 4];
    middle = values[values.size() / 2];
    high = values[values.size() - 1 - values.size() / 4];
  }
  double low = 0;
  double middle = 0;
  double high = 0;
};

struct Figures {
  double latency_us = 0;
  double megabytes_per_second = 0;
};

/// This thread stays on its rank's processor: two that wait for each other may else be put on the same one.
void pin(int rank) {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  CPU_SET(static_cast<size_t>(rank) % std::max(1U, std::thread::hardware_concurrency()), &processors);
  sched_setaffinity(0, sizeof processors, &processors);
}

int latency_count(int64_t bytes) {
  return static_cast<int>(std::clamp<int64_t>((int64_t{256} << 20) / bytes, 6, 100000));
}
int bandwidth_count(int64_t bytes) {
  return static_cast<int>(std::clamp<int64_t>((int64_t{1} << 30) / bytes / kInFlight, 1, 20000));
}

// ---- ours
// --------------------------------------------------------------------------------------------------------------

void run_now(Transport& transport, const BoundExchange& exchange, Fence& done) {
  transport.enqueue(exchange, nullptr, done);
  transport.synchronize();
}

Figures measure(RankContext& context, int64_t bytes) {
  pin(context.rank);
  const int peer = 1 - context.rank;
  // Apart, as ucx_perftest has them: what is sent is never written, and comes from the receiver's own cache. Of a size
  // that gets the same large pages.
  HostDevice device(1);
  const int64_t arena = std::max<int64_t>(bytes, 2 << 20);
  const std::shared_ptr<std::byte> memory = device.allocate(arena);
  const std::shared_ptr<std::byte> received = device.allocate(arena);
  std::fill_n(memory.get(), bytes, std::byte{1});
  const auto done = context.transport.make_fence();
  BoundExchange send;
  BoundExchange receive;
  send.sends = {{peer, 0, memory.get(), bytes}};
  receive.receives = {{peer, 0, received.get(), bytes}};
  std::vector<double> halves;
  context.control.barrier();
  // One look at the clock a round trip, as there.
  auto last = Clock::now();
  for (int i = 0; i < latency_count(bytes); ++i) {
    run_now(context.transport, context.rank == 0 ? send : receive, *done);
    run_now(context.transport, context.rank == 0 ? receive : send, *done);
    const auto now = Clock::now();
    halves.push_back(microseconds(now - last) / 2);
    last = now;
  }
  BoundExchange many;
  for (uint64_t tag = 0; tag < kInFlight; ++tag) {
    (context.rank == 0 ? many.sends : many.receives).push_back({peer, tag, memory.get(), bytes});
  }
  run_now(context.transport, many, *done);
  context.control.barrier();
  const auto start = Clock::now();
  const int count = bandwidth_count(bytes);
  for (int i = 0; i < count; ++i) run_now(context.transport, many, *done);
  context.control.barrier();
  const double sent = static_cast<double>(bytes) * kInFlight * count;
  return {median(halves), sent / microseconds(Clock::now() - start) * 1e6 / (1 << 20)};
}

Figures threads(int64_t bytes) {
  Figures figures;
  const auto fabric = find_transport("ucx")->make(2, {});
  run_ranks(*fabric, [&](RankContext& context) {
    const Figures mine = measure(context, bytes);
    if (context.rank == 0) figures = mine;
  });
  return figures;
}

Figures processes(int64_t bytes) {
  const auto ended = in_forked_worlds(2, [&](World& world, std::string& text) {
    TransportOptions options;
    options.world = &world;
    const auto fabric = find_transport("ucx")->make(2, options);
    run_ranks(*fabric, [&](RankContext& context) {
      const Figures mine = measure(context, bytes);
      text = fmt::format("{} {}", mine.latency_us, mine.megabytes_per_second);
    });
    return 0;
  });
  Figures figures;
  std::istringstream(ended[0].text) >> figures.latency_us >> figures.megabytes_per_second;
  return figures;
}

// ---- ucx_perftest
// ------------------------------------------------------------------------------------------------------

/// The client sends, as rank 0 does. The last line that it prints: iterations, median us, average, overall, MB/s
/// average, overall, messages a second.
std::vector<double> perftest(const std::string& program, const std::string& arguments) {
  static int port = 20000 + static_cast<int>(getpid() % 20000);
  ++port;
  const int server = fork();
  if (server == 0) {
    const std::string command = fmt::format("exec taskset -c 1 {} -p {} >/dev/null 2>&1", program, port);
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  std::vector<double> figures;
  for (int attempt = 0; attempt < 40 && figures.empty(); ++attempt) {  // until the server listens
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    std::FILE* client =
        popen(fmt::format("taskset -c 0 {} 127.0.0.1 -p {} {} -f 2>/dev/null", program, port, arguments).c_str(), "r");
    std::array<char, 512> line{};
    std::string last;
    while (client != nullptr && std::fgets(line.data(), line.size(), client) != nullptr) last = line.data();
    if (client == nullptr || pclose(client) != 0) continue;
    std::istringstream words(last);
    for (double value = 0; words >> value;) figures.push_back(value);
  }
  if (figures.empty()) kill(server, SIGTERM);
  waitpid(server, nullptr, 0);
  return figures.size() >= 6 ? figures : std::vector<double>(6);
}

Figures theirs(const std::string& program, int64_t bytes) {
  const auto latency = perftest(
      program, fmt::format("-t tag_lat -s {} -n {} -w {}", bytes, latency_count(bytes), latency_count(bytes) / 10));
  const auto bandwidth = perftest(program, fmt::format("-t tag_bw -s {} -n {} -w {} -O {}", bytes,
                                                       bandwidth_count(bytes) * kInFlight, kInFlight, kInFlight));
  return {latency[1], bandwidth[5]};
}

/// Beside the library in use, as in the wheel, or else the distribution's.
std::string perftest_program() {
  const std::string text = find_transport("ucx")->describe();
  const size_t begin = text.find('(') + 1;
  const std::filesystem::path library = text.substr(begin, text.find(')') - begin);
  const auto beside = library.parent_path().parent_path() / "bin" / "ucx_perftest";
  std::error_code ignored;
  if (!std::filesystem::exists(beside, ignored)) return "ucx_perftest";
  std::filesystem::permissions(beside, std::filesystem::perms::owner_exec, std::filesystem::perm_options::add, ignored);
  // The wheel's program finds the distribution's library first.
  return fmt::format("env LD_LIBRARY_PATH={} {}", library.parent_path().string(), beside.string());
}

struct Series {
  std::vector<double> latency;
  std::vector<double> bandwidth;
  void add(const Figures& figures) {
    latency.push_back(figures.latency_us);
    bandwidth.push_back(figures.megabytes_per_second);
  }
};

void report(int rounds, const std::vector<int64_t>& sizes) {
  const TransportInfo* info = find_transport("ucx");
  if (const auto missing = info->unavailable()) {
    fmt::print("ucx is unavailable: {}\n", *missing);
    return;
  }
  const std::string program = perftest_program();
  fmt::print("{}\n{} processors; reference {}; medians of {} turns (in brackets: half of them)\n\n", info->describe(),
             std::thread::hardware_concurrency(), program, rounds);
  fmt::print("{:>10} | {:^55} | {:^57}\n", "", "us a message (to perftest's: 1.3 at most)",
             "MB/s (to perftest's: 0.9 at least)");
  fmt::print("{:>10} | {:>15} {:>19} {:>19} | {:>17} {:>19} {:>19}\n", "bytes", "perftest", "processes", "threads",
             "perftest", "processes", "threads");
  // Each turn against perftest's of the same turn: what else the machine does changes slowly.
  const auto cell = [](std::vector<double> of, const std::vector<double>& base) {
    for (size_t turn = 0; turn < of.size(); ++turn) of[turn] /= base[turn];
    const Spread ratio(of);
    return fmt::format("{:.2f}x ({:.2f}-{:.2f})", ratio.middle, ratio.low, ratio.high);
  };
  const auto base_cell = [](const std::vector<double>& of) {
    const Spread spread(of);
    return fmt::format("{:.5g} ({:.0f}%)", spread.middle, 100 * (spread.high - spread.low) / spread.middle);
  };
  for (const int64_t bytes : sizes) {
    Series reference;
    Series in_processes;
    Series in_threads;
    for (int round = 0; round < rounds; ++round) {
      reference.add(theirs(program, bytes));
      in_processes.add(processes(bytes));
      in_threads.add(threads(bytes));
    }
    fmt::print("{:>10} | {:>15} {:>19} {:>19} | {:>17} {:>19} {:>19}\n", bytes, base_cell(reference.latency),
               cell(in_processes.latency, reference.latency), cell(in_threads.latency, reference.latency),
               base_cell(reference.bandwidth), cell(in_processes.bandwidth, reference.bandwidth),
               cell(in_threads.bandwidth, reference.bandwidth));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace ringfold

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  std::vector<int64_t> sizes;
  for (int i = 2; i < argc; ++i) sizes.push_back(std::atoll(argv[i]));
  if (rounds < 1 || std::any_of(sizes.begin(), sizes.end(), [](int64_t bytes) { return bytes < 1; })) {
    std::fputs("usage: bench_ucx [turns] [bytes...]\n", stderr);
    return 2;
  }
  if (sizes.empty()) {
    sizes = {8,        64,        512,       1 << 10, 2 << 10, 4 << 10, 8 << 10,
             32 << 10, 128 << 10, 512 << 10, 1 << 20, 2 << 20, 8 << 20, 64 << 20};
  }
  ringfold::report(rounds, sizes);
  return 0;
}
