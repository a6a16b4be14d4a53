#include "lib/switched_transport.h"

#include <utility>

namespace ringfold {

namespace {

/// A fence of each transport; the one that was set last counts.
class PairFence final : public Fence {
 public:
  PairFence(std::unique_ptr<Fence> first, std::unique_ptr<Fence> second)
      : first_(std::move(first)), second_(std::move(second)), set_(first_.get()) {}
  bool ready() override { return set_->ready(); }
  void wait() override { set_->wait(); }
  void* native() override { return set_->native(); }
  Fence& set(bool second) {
    set_ = second ? second_.get() : first_.get();
    return *set_;
  }

 private:
  std::unique_ptr<Fence> first_;
  std::unique_ptr<Fence> second_;
  Fence* set_;
};

}  // namespace

std::unique_ptr<Fence> SwitchedTransport::make_fence() {
  return std::make_unique<PairFence>(first_.make_fence(), second_.make_fence());
}

void SwitchedTransport::enqueue(const BoundExchange& exchange, Fence* after, Fence& done) {
  used_->enqueue(exchange, after, static_cast<PairFence&>(done).set(used_ == &second_));
}

void SwitchedTransport::cancel() noexcept {
  first_.cancel();
  second_.cancel();
}

}  // namespace ringfold
