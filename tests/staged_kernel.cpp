#include "tests/staged_kernel.h"

#include "kernels/host_device.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace ringfold::testing {
namespace {

struct Span {
  std::byte* begin = nullptr;
  std::byte* end = nullptr;
  bool is_output = false;
  std::shared_ptr<std::byte> there{};
};

/// All memory from the first to the last element that a tensor names.
Span span_of(const Tensor& tensor, int64_t channels, bool is_output) {
  int64_t rows = 0;
  for (const Segment& segment : tensor.segments) {
    if (segment.end > segment.begin) rows = std::max(rows, segment.row + segment.end - segment.begin);
  }
  if (rows == 0 || tensor.heads.empty()) return {};
  const int64_t elements = (tensor.heads.size() - 1) * tensor.head_stride + (rows - 1) * tensor.row_stride + channels;
  return {tensor.data, tensor.data + elements * bytes_of(tensor.dtype), is_output, {}};
}

/// One task's memory on the device.
class Mirror {
 public:
  explicit Mirror(Device& device) : device_(device) {}

  void add(Tensor& tensor, int64_t channels, bool is_output) {
    const Span span = span_of(tensor, channels, is_output);
    if (span.begin == nullptr) return;
    spans_.push_back(span);
    tensors_.push_back(&tensor);
  }
  void add(StateTensor& state, int64_t dim, bool is_output) {
    add(state.o, dim, is_output);
    add(state.lse, 1, is_output);
  }

  void send() {
    std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
    std::vector<Span> joined;
    for (const Span& span : spans_) {
      if (joined.empty() || span.begin >= joined.back().end) {
        joined.push_back(span);
        continue;
      }
      joined.back().end = std::max(joined.back().end, span.end);
      joined.back().is_output = joined.back().is_output || span.is_output;
    }
    spans_ = std::move(joined);
    for (Span& span : spans_) {
      span.there = device_.allocate(span.end - span.begin + kLead);
      // Addresses keep their alignment.
      device_.copy_to_device(at(span), span.begin, span.end - span.begin);
    }
    for (Tensor* tensor : tensors_) {
      const auto span = std::find_if(spans_.begin(), spans_.end(), [&](const Span& each) {
        return each.begin <= tensor->data && tensor->data < each.end;
      });
      tensor->data = at(*span) + (tensor->data - span->begin);
    }
  }

  void bring_back() {
    for (const Span& span : spans_) {
      if (span.is_output) device_.copy_to_host(span.begin, at(span), span.end - span.begin);
    }
  }

 private:
  static constexpr int64_t kLead = 256;
  static std::byte* at(const Span& span) {
    return span.there.get() + reinterpret_cast<uintptr_t>(span.begin) % static_cast<uintptr_t>(kLead);
  }

  Device& device_;
  std::vector<Span> spans_;
  std::vector<Tensor*> tensors_;
};

class Staged final : public Kernel {
 public:
  explicit Staged(std::unique_ptr<Kernel> inner) : inner_(std::move(inner)) {}

  Capabilities capabilities() const override {
    Capabilities can = inner_->capabilities();
    can.memory = MemoryKind::host;
    return can;
  }
  Device& device() override { return host_; }

  void attend(Queue&, const AttendTask& task) override {
    AttendTask there = task;
    Mirror mirror(inner_->device());
    mirror.add(there.q, task.dim, false);
    for (KvPiece& piece : there.kv) {
      mirror.add(piece.k, task.dim, false);
      mirror.add(piece.v, task.dim, false);
    }
    mirror.add(there.state, task.dim, true);
    if (there.finish) {
      mirror.add(there.finish->out, task.dim, true);
      mirror.add(there.finish->lse, 1, true);
    }
    run(mirror, [&](Queue& queue) { inner_->attend(queue, there); });
  }
  void merge(Queue&, const MergeTask& task) override {
    MergeTask there = task;
    Mirror mirror(inner_->device());
    for (StateTensor& part : there.parts) mirror.add(part, task.dim, false);
    mirror.add(there.state, task.dim, true);
    run(mirror, [&](Queue& queue) { inner_->merge(queue, there); });
  }
  void finish(Queue&, const FinishTask& task) override {
    FinishTask there = task;
    Mirror mirror(inner_->device());
    mirror.add(there.state, task.dim, false);
    mirror.add(there.out, task.dim, true);
    mirror.add(there.lse, 1, true);
    run(mirror, [&](Queue& queue) { inner_->finish(queue, there); });
  }
  void copy(Queue&, const CopyTask& task) override {
    CopyTask there = task;
    Mirror mirror(inner_->device());
    mirror.add(there.from, task.channels, false);
    mirror.add(there.to, task.channels, true);
    run(mirror, [&](Queue& queue) { inner_->copy(queue, there); });
  }
  void rotate(Queue&, const RotateTask& task) override {
    RotateTask there = task;
    Mirror mirror(inner_->device());
    mirror.add(there.from, task.dim, false);
    mirror.add(there.to, task.dim, true);
    run(mirror, [&](Queue& queue) { inner_->rotate(queue, there); });
  }

  void project(Queue&, const ProjectTask& task) override {
    ProjectTask there = task;
    there.prepared = nullptr;
    Mirror mirror(inner_->device());
    mirror.add(there.x, 1, false);
    mirror.add(there.w, task.dim, false);
    mirror.add(there.to, task.dim, true);
    run(mirror, [&](Queue& queue) { inner_->project(queue, there); });
  }

 private:
  template <typename Call>
  void run(Mirror& mirror, Call&& call) {
    const auto queue = inner_->device().make_queue();
    mirror.send();
    call(*queue);
    queue->synchronize();
    mirror.bring_back();
  }

  std::unique_ptr<Kernel> inner_;
  HostDevice host_;
};

}  // namespace

std::unique_ptr<Kernel> make_staged(std::unique_ptr<Kernel> on_device) {
  return std::make_unique<Staged>(std::move(on_device));
}

std::unique_ptr<Kernel> make_on_host(const KernelInfo& info, const KernelOptions& options) {
  std::unique_ptr<Kernel> kernel = info.make(options);
  return kernel->device().memory_kind() == MemoryKind::host ? std::move(kernel) : make_staged(std::move(kernel));
}

}  // namespace ringfold::testing
