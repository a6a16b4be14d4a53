// What a GPU's merges, finishes, copies and generated inputs move, against cudaMemcpy from device to device before and
// after each: GB/s of bytes read and written. Medians of the repetitions, least - most.
// Arguments: [tokens] [repetitions]: rows of 8 heads of 128 channels.
#include "kernels/cuda_check.h"
#include "kernels/cuda_devices.h"
#include "kernels/cuda_generate.h"
#include "kernels/cuda_queue.h"
#include "lib/error.h"
#include "lib/inputs.h"
#include "lib/schedule.h"
#include "tests/bench/queue_clock.h"
#include "tests/kernels/plain_cuda_kernel.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

using namespace ringfold;

namespace {

constexpr int64_t kHeads = 8;
constexpr int64_t kDim = 128;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class Bench {
 public:
  Bench(int64_t tokens, int repetitions)
      : tokens_(tokens), repetitions_(repetitions), queue_(kernel_.gpu().make_cuda_queue(false)) {
    const int64_t bytes = tokens * kHeads * kDim * 4;
    from_ = plane(DType::fp32, kDim);
    to_ = plane(DType::fp32, kDim);
    memcpy_bytes_ = bytes;
    fmt::print("{}\n{} tokens, {} heads of {}, {} repetitions\n", describe_cuda_devices(), tokens, kHeads, kDim,
               repetitions);
    fmt::print("{:34} {:>9} {:>9} {:>20} {:>12}\n", "", "MB", "us", "GB/s", "of memcpy");
  }

  void run() {
    merges();
    finishes();
    copies();
    generations();
  }

 private:
  /// [head][token][channel], normally distributed if it has the inputs' channels.
  Tensor plane(DType dtype, int64_t channels, Layout layout = Layout::heads_outer, int64_t more = 0) {
    const bool heads_outer = layout == Layout::heads_outer;
    Tensor tensor{nullptr,
                  dtype,
                  heads_outer ? channels : kHeads * channels,
                  heads_outer ? tokens_ * channels + more : channels,
                  {0, kHeads},
                  {{0, 0, tokens_, 0}}};
    const int64_t bytes = (tokens_ * channels + more) * kHeads * bytes_of(dtype);
    memory_.push_back(kernel_.device().allocate(bytes));
    tensor.data = memory_.back().get();
    RINGFOLD_CUDA_CHECK(cudaMemsetAsync(tensor.data, 0, static_cast<size_t>(bytes), queue_->stream()));
    if (channels == kDim) kernel_.generate(*queue_, inputs(InputKind::gauss, dtype), InputTensor::k, tensor);
    queue_->synchronize();
    return tensor;
  }
  StateTensor state(int64_t more = 0) {
    return {plane(DType::fp32, kDim, Layout::heads_outer, more), plane(DType::fp32, 1)};
  }
  GeneratedInputs inputs(InputKind kind, DType dtype) const {
    Problem problem;
    problem.sequences = {{tokens_, 0}};
    problem.heads = {kHeads, kHeads, kDim};
    problem.dtype = dtype;
    return {problem, kind, 1};
  }

  double memcpy_rate() {
    const double us = clock_.us_of([&] {
      RINGFOLD_CUDA_CHECK(cudaMemcpyAsync(to_.data, from_.data, static_cast<size_t>(memcpy_bytes_),
                                          cudaMemcpyDeviceToDevice, queue_->stream()));
    });
    return 2e-3 * static_cast<double>(memcpy_bytes_) / us;
  }

  /// `bytes`: read and written.
  void measure(const std::string& name, int64_t bytes, const std::function<void()>& enqueue) {
    std::vector<double> times, rates, shares;
    clock_.us_of(enqueue);
    for (int i = 0; i < repetitions_; ++i) {
      const double before = memcpy_rate();
      const double us = clock_.us_of(enqueue);
      const double after = memcpy_rate();
      times.push_back(us);
      rates.push_back(1e-3 * static_cast<double>(bytes) / us);
      shares.push_back(200 * rates.back() / (before + after));
    }
    const auto [least, most] = std::ranges::minmax(rates);
    fmt::print("{:34} {:9.1f} {:9.1f} {:6.0f} ({:.0f} - {:.0f}) {:10.1f} %\n", name, 1e-6 * static_cast<double>(bytes),
               median(times), median(rates), least, most, median(shares));
    std::fflush(stdout);
  }
  void measure_task(const std::string& name, int64_t bytes, KernelTask task) {
    kernel_.prepare(task);
    measure(name, bytes, [&] {
      if (auto* merge = std::get_if<MergeTask>(&task)) kernel_.merge(*queue_, *merge);
      if (auto* finish = std::get_if<FinishTask>(&task)) kernel_.finish(*queue_, *finish);
      if (auto* copy = std::get_if<CopyTask>(&task)) kernel_.copy(*queue_, *copy);
    });
  }

  int64_t rows() const { return tokens_ * kHeads; }
  int64_t state_bytes() const { return rows() * (kDim + 1) * 4; }

  void merges() {
    std::vector<StateTensor> parts;
    const StateTensor target = state();
    for (const int count : {1, 2, 4, 8}) {
      while (static_cast<int>(parts.size()) < count) parts.push_back(state());
      measure_task(fmt::format("merge of {}", count), (count + 1) * state_bytes(), MergeTask{parts, target, kDim});
    }
    measure_task("merge of 2 in place", 3 * state_bytes(), MergeTask{{parts[0], parts[1]}, parts[0], kDim});
    const StateTensor odd = state(1);
    measure_task("merge of 2, heads not aligned", 3 * state_bytes(), MergeTask{{parts[0], odd}, target, kDim});
    measure_task("filling", state_bytes(), MergeTask{{}, target, kDim});
  }
  void finishes() {
    const StateTensor from = state();
    for (const DType dtype : {DType::bf16, DType::fp16, DType::fp32}) {
      const int64_t bytes = state_bytes() + rows() * (kDim * bytes_of(dtype) + 4);
      measure_task(fmt::format("finish to {}", to_string(dtype)), bytes,
                   FinishTask{from, plane(dtype, kDim, Layout::tokens_outer), plane(DType::fp32, 1), kDim});
    }
  }
  void copies() {
    const auto copy = [&](const std::string& name, const Tensor& from, const Tensor& to, int64_t channels) {
      measure_task(name, 2 * rows() * channels * bytes_of(from.dtype), CopyTask{from, to, channels});
    };
    const Tensor heads = plane(DType::bf16, kDim);
    const Tensor tokens = plane(DType::bf16, kDim, Layout::tokens_outer);
    copy("copy, contiguous", plane(DType::bf16, kDim), heads, kDim);
    copy("copy, rows of 256 bytes apart", heads, tokens, kDim);
    copy("copy, heads not aligned", plane(DType::fp32, kDim, Layout::heads_outer, 1), plane(DType::fp32, kDim), kDim);
    copy("copy of LSEs", plane(DType::fp32, 1), plane(DType::fp32, 1), 1);
    Tensor pieces = heads;
    pieces.segments.clear();
    for (int64_t begin = 0; begin < tokens_; begin += 64) {
      pieces.segments.push_back({0, begin, std::min(begin + 63, tokens_), begin});
    }
    copy("copy of pieces of 63 rows", pieces, tokens, kDim);
  }
  void generations() {
    for (const DType dtype : {DType::bf16, DType::fp32}) {
      const Tensor to = plane(dtype, kDim);
      for (const InputKind kind : {InputKind::gauss, InputKind::peaked, InputKind::count, InputKind::needle}) {
        const GeneratedInputs made = inputs(kind, dtype);
        const CudaGenerate work(kernel_.gpu(), made, InputTensor::k, to);
        measure(fmt::format("generate {} in {}", to_string(kind), to_string(dtype)), rows() * kDim * bytes_of(dtype),
                [&] { work.enqueue(queue_->stream()); });
      }
    }
  }

  int64_t tokens_;
  int repetitions_;
  testing::PlainCudaKernel kernel_;
  std::unique_ptr<CudaQueue> queue_;
  QueueClock clock_{*queue_};
  std::vector<std::shared_ptr<std::byte>> memory_;
  Tensor from_;
  Tensor to_;
  int64_t memcpy_bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const int64_t tokens = argc > 1 ? std::atoll(argv[1]) : 131072;
  const int repetitions = argc > 2 ? std::atoi(argv[2]) : 11;
  if (tokens < 1 || repetitions < 1) {
    std::fputs("usage: bench_cuda [tokens] [repetitions]\n", stderr);
    return 2;
  }
  if (const auto reason = cuda_unavailable()) {
    fmt::print("skipped: {}\n", *reason);
    return 0;
  }
  Bench(tokens, repetitions).run();
  return 0;
}
