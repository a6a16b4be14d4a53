// Serving on one GPU: prefill out of pages against contiguous K and V, decoding against the memory's rate, rotation.
// What is compared takes turns, cudaMemcpy from device to device among it; medians of the repetitions, least - most.
// 32 query heads on 8 kv heads, head dim 128, bf16.
// Arguments: [kernel] [repetitions] [divisor]: flashinfer, 11, 1; a divisor of the lengths makes it shorter.
#include "kernels/cuda_check.h"
#include "kernels/cuda_devices.h"
#include "kernels/cuda_queue.h"
#include "lib/error.h"
#include "lib/inputs.h"
#include "lib/pages.h"
#include "lib/schedule.h"
#include "tests/bench/queue_clock.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

using namespace ringfold;

namespace {

constexpr Heads kHeads{32, 8, 128};
constexpr DType kType = DType::bf16;

struct Series {
  std::string name;
  std::function<void()> enqueue;
  double bytes = 0;  ///< read and written
  double flops = 0;
  std::vector<double> times{};  ///< us
};

std::string spread(std::vector<double> values, int digits) {
  std::ranges::sort(values);
  return fmt::format("{:.{}f} ({:.{}f} - {:.{}f})", values[values.size() / 2], digits, values.front(), digits,
                     values.back(), digits);
}

class Bench {
 public:
  Bench(const KernelInfo& info, int repetitions)
      : kernel_(info.make({})), queue_(kernel_->device().make_queue()), repetitions_(repetitions) {}

  void prefill(int64_t tokens) {
    const std::vector<Sequence> sequences{{tokens, 0}};
    compare(fmt::format("prefill of {}", tokens), sequences, {0, 16, 1, 64});
  }
  void decode(int64_t sequences, int64_t cached, int64_t queries) {
    const std::vector<Sequence> batch(static_cast<size_t>(sequences), {queries, cached});
    compare(fmt::format("decode, {} x {} cached, {} new", sequences, cached, queries), batch, {0, 16, 1});
  }
  void rotation(int64_t tokens) {
    const Problem problem = problem_of({{tokens, 0}});
    std::vector<Series> all{copy()};
    for (const RopeStyle style : {RopeStyle::half, RopeStyle::interleaved}) {
      const Tensor from = plane(problem, kv_set(problem), {0, kHeads.kv}, kType, kHeads.dim, 0, InputTensor::k);
      const Tensor to = plane(problem, kv_set(problem), {0, kHeads.kv}, kType, kHeads.dim, 0, {});
      KernelTask task = RotateTask{from, to, kHeads.dim, {10000, style}};
      kernel_->prepare(task);
      all.push_back({fmt::format("rotation of {} rows of K, {}", tokens, to_string(style)),
                     [this, task] { kernel_->rotate(*queue_, std::get<RotateTask>(task)); },
                     2.0 * static_cast<double>(tokens * kHeads.kv * kHeads.dim * bytes_of(kType))});
    }
    measure(all);
  }

 private:
  static Problem problem_of(std::vector<Sequence> sequences) {
    Problem problem;
    problem.sequences = std::move(sequences);
    problem.heads = kHeads;
    problem.dtype = kType;
    return problem;
  }

  Tensor plane(const Problem& problem, const TokenSet& tokens, const HeadRange& heads, DType dtype, int64_t channels,
               int64_t page_size, std::optional<InputTensor> content) {
    const Block block{BlockKind::kv, dtype, Layout::heads_outer, tokens, heads, false, page_size};
    const int64_t rows = page_size > 0 ? memory_rows(block) : tokens.size();
    memory_.push_back(kernel_->device().allocate(rows * heads.size() * channels * bytes_of(dtype)));
    Tensor tensor{memory_.back().get(), dtype, channels, rows * channels, heads, {}, page_size};
    if (page_size > 0) tensor.segments = paged_segments(block, tokens);
    int64_t row = 0;
    for (const TokenRange& range : tokens.ranges()) {
      if (page_size == 0) tensor.segments.push_back({range.sequence, range.begin, range.end, row});
      row += range.size();
    }
    if (content) kernel_->generate(*queue_, {problem, InputKind::gauss, 1}, *content, tensor);
    queue_->synchronize();
    return tensor;
  }

  Series copy() {
    constexpr int64_t kBytes = int64_t{1} << 30;
    while (copied_.size() < 2) copied_.push_back(kernel_->device().allocate(kBytes));
    return {"cudaMemcpy of 1 GiB",
            [this] {
              RINGFOLD_CUDA_CHECK(cudaMemcpyAsync(copied_[1].get(), copied_[0].get(), kBytes, cudaMemcpyDeviceToDevice,
                                                  static_cast<cudaStream_t>(queue_->native())));
            },
            2.0 * kBytes};
  }

  void compare(const std::string& name, const std::vector<Sequence>& sequences, const std::vector<int64_t>& pages) {
    const Problem problem = problem_of(sequences);
    const TokenSet queries = query_set(problem);
    const TokenSet keys = kv_set(problem);
    const Tensor q = plane(problem, queries, {0, kHeads.query}, kType, kHeads.dim, 0, InputTensor::q);
    const StateTensor state{plane(problem, queries, {0, kHeads.query}, DType::fp32, kHeads.dim, 0, {}),
                            plane(problem, queries, {0, kHeads.query}, DType::fp32, 1, 0, {})};
    const Finished finished{plane(problem, queries, {0, kHeads.query}, kType, kHeads.dim, 0, {}), state.lse};
    const double pairs = static_cast<double>(visible_pairs(problem.mask, queries, keys));
    const double row_bytes = static_cast<double>(kHeads.dim * bytes_of(kType));
    const double bytes = row_bytes * 2.0 * static_cast<double>(keys.size() * kHeads.kv + queries.size() * kHeads.query);
    std::vector<Series> all{copy()};
    for (const int64_t page_size : pages) {
      AttendTask attend{q,   {},      state, false, problem.mask, kHeads.dim, kHeads.group(), problem.softmax_scale(),
                        0.0, finished};
      attend.kv.push_back({plane(problem, keys, {0, kHeads.kv}, kType, kHeads.dim, page_size, InputTensor::k),
                           plane(problem, keys, {0, kHeads.kv}, kType, kHeads.dim, page_size, InputTensor::v)});
      KernelTask task = std::move(attend);
      kernel_->prepare(task);
      all.push_back({fmt::format("{}, {}", name, page_size == 0 ? "contiguous" : fmt::format("pages of {}", page_size)),
                     [this, task] { kernel_->attend(*queue_, std::get<AttendTask>(task)); }, bytes,
                     4.0 * static_cast<double>(kHeads.dim * kHeads.query) * pairs});
    }
    measure(all);
    memory_.clear();
  }

  /// The first one is the copy, the second what the others are compared with.
  void measure(std::vector<Series>& all) {
    for (const Series& series : all) clock_.us_of(series.enqueue);
    for (int i = 0; i < repetitions_; ++i) {
      for (Series& series : all) series.times.push_back(clock_.us_of(series.enqueue));
    }
    const auto per = [](double amount, const std::vector<double>& times) {
      std::vector<double> rates;
      for (const double us : times) rates.push_back(1e-3 * amount / us);
      return rates;
    };
    const std::vector<double> copies = per(all[0].bytes, all[0].times);
    for (const Series& series : all) {
      std::vector<double> ratios, shares;
      const std::vector<double> rates = per(series.bytes, series.times);
      for (size_t i = 0; i < rates.size(); ++i) {
        ratios.push_back(series.times[i] / all[1].times[i]);
        shares.push_back(100 * rates[i] / copies[i]);
      }
      fmt::print("{:46} us {}  ratio {}  GB/s {}  % of memcpy {}  TFLOP/s {}\n", series.name, spread(series.times, 1),
                 spread(ratios, 3), spread(rates, 0), spread(shares, 1),
                 spread(per(1e-3 * series.flops, series.times), 1));
    }
    std::fflush(stdout);
  }

  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Queue> queue_;
  QueueClock clock_{*queue_};
  int repetitions_;
  std::vector<std::shared_ptr<std::byte>> memory_;
  std::vector<std::shared_ptr<std::byte>> copied_;
};

}  // namespace

int main(int argc, char** argv) {
  const KernelInfo* info = find_kernel(argc > 1 ? argv[1] : "flashinfer");
  const int repetitions = argc > 2 ? std::atoi(argv[2]) : 11;
  const int64_t divisor = argc > 3 ? std::atoll(argv[3]) : 1;
  if (info == nullptr || repetitions < 1 || divisor < 1) {
    std::fputs("usage: bench_gpu_serving [kernel] [repetitions] [divisor]\n", stderr);
    return 2;
  }
  if (const auto reason = info->unavailable()) {
    fmt::print("skipped: {}\n", *reason);
    return 0;
  }
  fmt::print("{}; {}, {} repetitions\n", describe_cuda_devices(), info->id, repetitions);
  try {
    Bench bench(*info, repetitions);
    bench.decode(32, 32768 / divisor, 1);
    bench.decode(1, 262144 / divisor, 1);
    bench.decode(32, 4096 / divisor, 1);
    bench.decode(32, 32768 / divisor, 8);
    bench.prefill(32768 / divisor);
    bench.rotation(131072 / divisor);
  } catch (const std::exception& error) {
    fmt::print("failed: {}\n", error.what());
    return 1;
  }
  return 0;
}
