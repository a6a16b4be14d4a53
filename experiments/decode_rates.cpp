#include "experiments/decode_rates.h"

#include "experiments/memory.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

namespace ringfold {
namespace {

constexpr int64_t kFewQueries = 16;
constexpr int kLooks = 4;
constexpr int64_t kMostBytes = int64_t{256} << 20;  // above what caches hold

double read_gbps(const std::vector<uint64_t>& memory) {
  const auto begin = std::chrono::steady_clock::now();
  // Eight sums, so that no addition waits for another.
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= memory.size(); i += 8) {
    for (size_t lane = 0; lane < 8; ++lane) sums[lane] += memory[i + lane];
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  // The sum is looked at, lest nothing be read.
  const uint64_t sum = std::accumulate(std::begin(sums), std::end(sums), uint64_t{0});
  return sum == 0 ? 0 : 8e-9 * static_cast<double>(memory.size()) / taken.count();
}

double read_gbps_core() {
  const int64_t bytes = std::min(kMostBytes, available_memory_bytes() / 8);
  const std::vector<uint64_t> memory(static_cast<size_t>(bytes / 8), 1);
  double best = 0;
  for (int look = 0; look < kLooks; ++look) best = std::max(best, read_gbps(memory));
  return best;
}

}  // namespace

bool is_decode(const Problem& problem) {
  int64_t most = 0;
  for (const Sequence& sequence : problem.sequences) most = std::max(most, sequence.query);
  return most > 0 && most <= kFewQueries;
}

bool starts_from_kv(const Problem& problem) { return !problem.layer || problem.layer->source == KvSource::exchange; }

int64_t seen_kv_bytes(const Problem& problem) {
  int64_t tokens = 0;
  const TokenSet queries = query_set(problem);
  for (const TokenRange& range : queries.ranges()) {
    tokens += visible_keys(problem, range.sequence, range.end - 1).end -
              visible_keys(problem, range.sequence, range.begin).begin;
  }
  return tokens * problem.heads.kv * 2 * problem.heads.dim * bytes_of(problem.dtype);
}

double memory_gbps(const KernelInfo& kernel, int threads) {
  if (kernel.memory_gbps != nullptr) {
    static const double gbps = kernel.memory_gbps();
    return gbps;
  }
  static const double core_gbps = read_gbps_core();
  return core_gbps * threads;
}

}  // namespace ringfold
