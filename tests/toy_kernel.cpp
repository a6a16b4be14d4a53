#include "tests/toy_kernel.h"

#include "lib/error.h"
#include "lib/host_stamp.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

namespace ringfold {

namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

class ToyQueue final : public Queue {
 public:
  std::unique_ptr<Fence> make_fence() override { return make_stamp(); }
  std::unique_ptr<Stamp> make_stamp() override { return std::make_unique<HostStamp>(); }
  void record(Fence& fence) override { static_cast<HostStamp&>(fence).set(); }
  void wait(Fence& fence) override { fence.wait(); }
  void synchronize() override {}
  void tick() override {}
  int threads() const override { return 1; }
};

class ToyDevice final : public Device {
 public:
  MemoryKind memory_kind() const override { return MemoryKind::host; }
  std::shared_ptr<std::byte> allocate(int64_t bytes) override {
    allocated_ += bytes;
    auto* data = static_cast<std::byte*>(::operator new(static_cast<size_t>(bytes), std::align_val_t{64}));
    std::memset(data, 0xff, static_cast<size_t>(bytes));  // NaN: what was never written shows
    return {data, [this, bytes](std::byte* given) {
              allocated_ -= bytes;
              ::operator delete(given, std::align_val_t{64});
            }};
  }
  int64_t allocated_bytes() const override { return allocated_; }
  int64_t peak_bytes() const override { return allocated_; }
  std::unique_ptr<Queue> make_queue() override { return std::make_unique<ToyQueue>(); }
  void copy_to_device(std::byte* to, const std::byte* from, int64_t bytes) override {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
  void copy_to_host(std::byte* to, const std::byte* from, int64_t bytes) override {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }

 private:
  std::atomic<int64_t> allocated_{0};
};

float* row(const Tensor& tensor, int64_t head, int64_t index) {
  return reinterpret_cast<float*>(tensor.data) + (head - tensor.heads.begin) * tensor.head_stride +
         index * tensor.row_stride;
}

/// The row of (sequence, position), or -1.
int64_t find_row(const Tensor& tensor, int64_t sequence, int64_t position) {
  for (const Segment& part : tensor.segments) {
    if (part.sequence == sequence && part.begin <= position && position < part.end) {
      return part.row + position - part.begin;
    }
  }
  return -1;
}

template <typename Visit>
void for_each_row(const Tensor& tensor, Visit&& visit) {
  for (int64_t head = tensor.heads.begin; head < tensor.heads.end; ++head) {
    for (const Segment& part : tensor.segments) {
      for (int64_t p = part.begin; p < part.end; ++p) visit(head, part.sequence, p, part.row + p - part.begin);
    }
  }
}

/// Folds (o, lse) with weight exp(lse) into a state's row.
void fold(float* o, float* lse, const float* other, double other_lse, int64_t dim) {
  if (other_lse == kNothing) return;
  const double top = std::max<double>(*lse, other_lse);
  const double total = top + std::log(std::exp(*lse - top) + std::exp(other_lse - top));
  for (int64_t c = 0; c < dim; ++c) {
    o[c] = static_cast<float>(o[c] * std::exp(*lse - total) + other[c] * std::exp(other_lse - total));
  }
  *lse = static_cast<float>(total);
}

class ToyKernel final : public Kernel {
 public:
  explicit ToyKernel(std::function<void()> tick) : tick_(std::move(tick)) {}
  Capabilities capabilities() const override { return {}; }
  Device& device() override { return device_; }

  void attend(Queue&, const AttendTask& task) override {
    if (tick_) tick_();
    for_each_row(task.q, [&](int64_t head, int64_t sequence, int64_t position, int64_t index) {
      const int64_t state_row = find_row(task.state.o, sequence, position);
      float* o = row(task.state.o, head, state_row);
      float* lse = row(task.state.lse, head, state_row);
      if (!task.fold) clear(o, lse, task.dim);
      for (const KvPiece& piece : task.kv) {
        for (const Segment& keys : piece.k.segments) {
          if (keys.sequence != sequence) continue;
          const int64_t end = task.mask.kind == MaskKind::causal ? std::min(keys.end, position + 1) : keys.end;
          for (int64_t key = keys.begin; key < end; ++key) {
            const int64_t key_row = keys.row + key - keys.begin;
            const float* q = row(task.q, head, index);
            const float* k = row(piece.k, head / task.group, key_row);
            double score = 0;
            for (int64_t c = 0; c < task.dim; ++c) score += static_cast<double>(q[c]) * k[c];
            fold(o, lse, row(piece.v, head / task.group, key_row), score * task.scale, task.dim);
          }
        }
      }
    });
  }

  void merge(Queue&, const MergeTask& task) override {
    for_each_row(task.state.o, [&](int64_t head, int64_t sequence, int64_t position, int64_t index) {
      float* o = row(task.state.o, head, index);
      float* lse = row(task.state.lse, head, index);
      clear(o, lse, task.dim);
      for (const StateTensor& part : task.parts) {
        const int64_t found = find_row(part.o, sequence, position);
        if (found < 0 || head < part.o.heads.begin || head >= part.o.heads.end) continue;
        fold(o, lse, row(part.o, head, found), *row(part.lse, head, found), task.dim);
      }
    });
  }

  void finish(Queue& queue, const FinishTask& task) override {
    copy(queue, {task.state.o, task.out, task.dim});
    copy(queue, {task.state.lse, task.lse, 1});
  }

  void copy(Queue&, const CopyTask& task) override {
    for_each_row(task.from, [&](int64_t head, int64_t sequence, int64_t position, int64_t index) {
      std::memcpy(row(task.to, head, find_row(task.to, sequence, position)), row(task.from, head, index),
                  static_cast<size_t>(task.channels) * sizeof(float));
    });
  }

 private:
  static void clear(float* o, float* lse, int64_t dim) {
    std::fill(o, o + dim, 0.0F);
    *lse = static_cast<float>(kNothing);
  }

  ToyDevice device_;
  std::function<void()> tick_;
};

}  // namespace

std::unique_ptr<Kernel> make_toy_kernel(std::function<void()> tick) {
  return std::make_unique<ToyKernel>(std::move(tick));
}

}  // namespace ringfold
