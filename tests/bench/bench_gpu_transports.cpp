// Exchanges of GPU memory between threads: how long one takes when many follow each other without the host, eager and
// recorded, beside plain cudaMemcpyPeerAsync of the same sizes in the same run.
#include "tests/transports/gpu_program.h"
#include "transports/cuda_check.h"
#include "transports/gpus.h"
#include "transports/peer_memory.h"

#include <algorithm>
#include <cstdio>

namespace ringfold {
namespace {

constexpr int kRepeats = 15;
constexpr int kWarmups = 3;
constexpr int64_t kMiB = 1 << 20;

struct Spread {
  double low = 0;
  double median = 0;
  double high = 0;
};

/// us of one of `count`, from runs' ms.
Spread spread_of(std::vector<double> ms, int count) {
  std::sort(ms.begin(), ms.end());
  const auto us = [&](size_t at) { return 1000 * ms[at] / count; };
  return {us(ms.size() / 10), us(ms.size() / 2), us(ms.size() - 1 - ms.size() / 10)};
}

int count_of(int64_t bytes) { return bytes <= kMiB ? 20 : bytes <= 16 * kMiB ? 8 : 3; }

void print(const std::string& who, const char* how, const char* shape, int64_t bytes, const Spread& us) {
  std::printf("%-22s %-9s %-9s %10lld B  %9.2f us (%.2f - %.2f)", who.c_str(), how, shape,
              static_cast<long long>(bytes), us.median, us.low, us.high);
  if (bytes >= 65536) std::printf("  %7.1f GB/s each way", static_cast<double>(bytes) / us.median / 1e3);
  std::printf("\n");
  std::fflush(stdout);
}

/// Copies from GPU 0 to GPU 1, and back at the same time if `both`, started by the host in a row.
Spread plain_copies(int64_t bytes, bool both) {
  const int count = count_of(bytes);
  std::vector<std::unique_ptr<CudaStream>> streams;
  std::vector<std::shared_ptr<std::byte>> from;
  std::vector<std::shared_ptr<std::byte>> to;
  for (const int device : {0, 1}) {
    const OnDevice on(device);
    enable_peer_access(1 - device);
    streams.push_back(std::make_unique<CudaStream>());
    from.push_back(device_zeros(bytes));
    to.push_back(device_zeros(bytes));
  }
  std::vector<double> ms;
  for (int repeat = 0; repeat < kWarmups + kRepeats; ++repeat) {
    double slowest = 0;
    std::vector<std::pair<std::unique_ptr<GpuFence>, std::unique_ptr<GpuFence>>> marks;
    for (const int device : both ? std::vector<int>{0, 1} : std::vector<int>{1}) {
      const OnDevice on(device);
      marks.emplace_back(std::make_unique<GpuFence>(), std::make_unique<GpuFence>());
      const auto index = static_cast<size_t>(device);
      marks.back().first->record(*streams[index]);
      for (int i = 0; i < count; ++i) {
        RINGFOLD_CUDA(cudaMemcpyPeerAsync(to[index].get(), device, from[1 - index].get(), 1 - device,
                                          static_cast<size_t>(bytes), streams[index]->get()));
      }
      marks.back().second->record(*streams[index]);
    }
    for (const auto& [begin, end] : marks) {
      end->wait();
      slowest = std::max(slowest, end->ms_since(*begin));
    }
    if (repeat >= kWarmups) ms.push_back(slowest);
  }
  return spread_of(ms, count);
}

/// The slowest rank's.
void measure(const std::string& transport, int ranks, int64_t bytes, const char* shape) {
  const int count = count_of(bytes);
  std::vector<GpuMessage> messages;
  for (int i = 0; i < count; ++i) {
    for (int from = 0; from < ranks; ++from) {
      if (std::string(shape) == "one way" && from > 0) continue;
      messages.push_back({from, (from + 1) % ranks, 1, bytes, i, i});
    }
  }
  const auto fabric = find_transport(transport)->make(ranks, {});
  std::vector<std::vector<double>> eager(static_cast<size_t>(ranks));
  std::vector<std::vector<double>> recorded(static_cast<size_t>(ranks));
  run_ranks(*fabric, [&](RankContext& context) {
    const auto rank = static_cast<size_t>(context.rank);
    GpuProgram program(context, messages, count);
    const auto repeat = [&](std::vector<double>& ms, const auto& run) {
      for (int i = 0; i < kWarmups + kRepeats; ++i) {
        context.control.barrier();
        run();
        if (i >= kWarmups) ms.push_back(program.latest_ms());
      }
    };
    repeat(eager[rank], [&] { program.run(); });
    if (context.transport.is_stream_ordered()) {
      program.record();
      repeat(recorded[rank], [&] {
        program.start_recorded();
        program.watch();
      });
    }
    context.control.barrier();
  });
  const auto slowest = [&](const std::vector<std::vector<double>>& by_rank) {
    std::vector<double> ms = by_rank[0];
    for (const auto& rank : by_rank) {
      for (size_t i = 0; i < ms.size(); ++i) ms[i] = std::max(ms[i], rank[i]);
    }
    return spread_of(ms, count);
  };
  const std::string who = fmt::format("{}, {} ranks", transport, ranks);
  print(who, "eager", shape, bytes, slowest(eager));
  if (!recorded[0].empty()) print(who, "recorded", shape, bytes, slowest(recorded));
}

int run() {
  const int gpus = gpu_count();
  if (const auto none = no_gpu()) {
    std::printf("%s\n", none->c_str());
    return 77;
  }
  std::printf("%s; %s\n", describe_gpus().c_str(), describe_peer_access().c_str());
  std::printf("time of one exchange of many in a row, median (10 %% - 90 %%) of %d runs, of the slowest rank\n",
              kRepeats);
  if (gpus < 2) return 77;
  std::vector<std::string> transports;
  for (const char* transport : {"nccl", "peer_copy", "ucx"}) {
    if (missing_for_gpus(*find_transport(transport), 2).empty()) transports.emplace_back(transport);
  }
  for (const int64_t bytes : {int64_t{8}, 64 * kMiB / 1024, kMiB, 4 * kMiB, 16 * kMiB, 64 * kMiB, 256 * kMiB}) {
    for (const char* shape : {"one way", "both ways"}) {
      print("cudaMemcpyPeerAsync", "eager", shape, bytes, plain_copies(bytes, std::string(shape) == "both ways"));
      for (const std::string& transport : transports) measure(transport, 2, bytes, shape);
    }
    if (gpus < 4) continue;
    for (const std::string& transport : transports) measure(transport, 4, bytes, "ring");
  }
  return 0;
}

}  // namespace
}  // namespace ringfold

int main() {
  try {
    return ringfold::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
