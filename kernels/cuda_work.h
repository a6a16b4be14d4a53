#pragma once

#include "kernels/cuda_queue.h"
#include "kernels/round_up.h"
#include "lib/error.h"
#include "lib/kernel.h"

#include <cuda_runtime.h>

#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace ringfold {

/// A task made ready for a device: its tables lie there. Enqueuing allocates nothing and may be recorded; must not be
/// dropped while the work is under way (see CudaQueue::keep).
class CudaWork : public PreparedTask {
 public:
  /// The device must be the calling thread's current one.
  virtual void enqueue(cudaStream_t stream) const = 0;
};

/// Several, one after the other.
class CudaWorks final : public CudaWork {
 public:
  explicit CudaWorks(std::vector<std::shared_ptr<CudaWork>> works) : works_(std::move(works)) {}
  void enqueue(cudaStream_t stream) const override {
    for (const auto& work : works_) work->enqueue(stream);
  }

 private:
  std::vector<std::shared_ptr<CudaWork>> works_;
};

/// Lists that a kernel reads, in one allocation on the device. First all are added, then all are sent, then they have
/// addresses.
class CudaTables {
 public:
  /// Returns where the list will stand.
  template <typename Item>
  size_t add(const std::vector<Item>& list) {
    static_assert(std::is_trivially_copyable_v<Item> && alignof(Item) <= kAlignment);
    const size_t offset = round_up(bytes_.size(), kAlignment);
    bytes_.resize(offset + list.size() * sizeof(Item));
    if (!list.empty()) std::memcpy(bytes_.data() + offset, list.data(), list.size() * sizeof(Item));
    return offset;
  }
  void send(CudaDevice& device);
  template <typename Item>
  const Item* at(size_t offset) const {
    return reinterpret_cast<const Item*>(memory_.get() + offset);
  }

 private:
  static constexpr size_t kAlignment = 16;
  std::vector<std::byte> bytes_;
  std::shared_ptr<std::byte> memory_;
};

/// Enqueues prepared work, or work made for this one time, which the queue then keeps.
template <typename Make>
void enqueue_work(Queue& queue, const std::shared_ptr<PreparedTask>& prepared, Make make) {
  auto* cuda_queue = dynamic_cast<CudaQueue*>(&queue);
  RINGFOLD_INVARIANT(cuda_queue != nullptr, "a GPU's task on another queue");
  std::shared_ptr<PreparedTask> work = prepared;
  if (!work) {
    work = make();
    cuda_queue->keep(work);
  }
  cuda_queue->context().make_current();
  static_cast<const CudaWork&>(*work).enqueue(cuda_queue->stream());
}

}  // namespace ringfold
