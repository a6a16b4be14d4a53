// Attention on one core against the core's own fp32 peak, measured around each repetition: flops are 4 x dim x visible
// pairs, as everywhere; exponentials are not counted.
// Arguments: [tokens] [rounds] [word...]: rows that hold all the words (cpu_fast, bf16, causal, dim=128, group=4).
#include "kernels/fma_peak.h"
#include "lib/dtype.h"
#include "lib/error.h"
#include "lib/kernel.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

using namespace ringfold;

namespace {

struct Shape {
  DType dtype = DType::fp32;
  int64_t tokens = 0;
  int64_t dim = 0;
  int64_t group = 1;
  MaskKind mask = MaskKind::causal;
};

// One plane of `heads` heads in memory of the kernel's device, normally distributed.
Tensor make_plane(Device& device, DType dtype, int64_t heads, int64_t tokens, int64_t channels,
                  std::vector<std::shared_ptr<std::byte>>& owner) {
  const int64_t count = heads * tokens * channels;
  owner.push_back(device.allocate(count * bytes_of(dtype)));
  std::mt19937 bits(static_cast<unsigned>(owner.size()));
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(bits);
  std::vector<std::byte> stored(static_cast<size_t>(count * bytes_of(dtype)));
  store_floats(dtype, values.data(), count, stored.data());
  device.copy_to_device(owner.back().get(), stored.data(), count * bytes_of(dtype));
  return {owner.back().get(), dtype, channels, tokens * channels, {0, heads}, {{0, 0, tokens, 0}}};
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure(const KernelInfo& info, const Shape& shape, int rounds) {
  const auto kernel = info.make({});
  const auto queue = kernel->device().make_queue();
  std::vector<std::shared_ptr<std::byte>> owner;
  const auto plane = [&](DType dtype, int64_t heads, int64_t channels) {
    return make_plane(kernel->device(), dtype, heads, shape.tokens, channels, owner);
  };
  AttendTask task;
  task.q = plane(shape.dtype, shape.group, shape.dim);
  task.kv = {{plane(shape.dtype, 1, shape.dim), plane(shape.dtype, 1, shape.dim)}};
  task.state = {plane(DType::fp32, shape.group, shape.dim), plane(DType::fp32, shape.group, 1)};
  task.mask = {shape.mask, 0};
  task.dim = shape.dim;
  task.group = shape.group;
  task.scale = 1.0 / std::sqrt(static_cast<double>(shape.dim));
  const TokenSet tokens = TokenSet::range(0, 0, shape.tokens);
  const double flops = 4.0 * static_cast<double>(shape.dim * shape.group * visible_pairs(task.mask, tokens, tokens));

  std::vector<double> rates, shares;
  double before = fma_peak(0.01);
  for (int round = -1; round < rounds; ++round) {
    const double begin = thread_seconds();
    kernel->attend(*queue, task);
    queue->synchronize();
    const double rate = flops / (thread_seconds() - begin);
    const double after = fma_peak(0.01);
    if (round >= 0) {
      rates.push_back(rate);
      shares.push_back(rate / (0.5 * (before + after)));
    }
    before = after;
  }
  const auto [least, most] = std::ranges::minmax(shares);
  fmt::print("{:14} {:5} {:6} {:4} {:6} {:6} {:9.1f} {:8.1f} % {:7.1f} - {:.1f} %\n", info.id, to_string(shape.dtype),
             to_string(task.mask), shape.dim, shape.group, shape.tokens, 1e-9 * median(rates), 100 * median(shares),
             100 * least, 100 * most);
  std::fflush(stdout);
}

bool wanted(const KernelInfo& info, const Shape& shape, const std::vector<std::string>& words) {
  const std::vector<std::string> row = {std::string(info.id), std::string(to_string(shape.dtype)),
                                        to_string(Mask{shape.mask, 0}), fmt::format("dim={}", shape.dim),
                                        fmt::format("group={}", shape.group)};
  return std::ranges::all_of(words, [&](const std::string& word) { return std::ranges::count(row, word) > 0; });
}

void measure_all(int64_t tokens, int rounds, const std::vector<std::string>& words) {
  for (const KernelInfo& info : kernel_table()) {
    if (info.unavailable() || info.devices != nullptr) continue;  // processor time says nothing of a device
    const bool reference = info.id == "cpu_reference";
    for (const DType dtype : {DType::fp32, DType::bf16, DType::fp16}) {
      for (const int64_t dim : {64, 128}) {
        for (const MaskKind mask : {MaskKind::causal, MaskKind::full}) {
          if (reference && (dtype != DType::fp32 || mask == MaskKind::full)) continue;
          for (const int64_t group : {1, 4}) {
            if (group > 1 && (reference || dtype == DType::fp16 || mask == MaskKind::full)) continue;
            const Shape shape{dtype, tokens, dim, group, mask};
            if (wanted(info, shape, words)) measure(info, shape, reference ? 1 : rounds);
          }
        }
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t tokens = argc > 1 ? std::atoll(argv[1]) : 4096;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 15;
  const std::vector<std::string> words(argv + std::min(argc, 3), argv + argc);
  if (tokens < 1 || rounds < 1) {
    std::fputs("usage: bench_kernels [tokens] [rounds] [word...]\n", stderr);
    return 2;
  }
  fmt::print("{}; this run {:.1f} GFLOP/s a core\n", describe_core(), 1e-9 * fma_peak(0.2));
  for (const KernelInfo& info : kernel_table()) {
    fmt::print("{}: {}\n", info.id, info.unavailable().value_or(info.describe()));
  }
  fmt::print("one thread, processor time; share of peak: median (least - most) of {} rounds\n\n", rounds);
  fmt::print("{:14} {:5} {:6} {:>4} {:>6} {:>6} {:>9} {:>10}\n", "kernel", "dtype", "mask", "dim", "group", "tokens",
             "GFLOP/s", "of peak");
  measure_all(tokens, rounds, words);
  return 0;
}
