#include "lib/staged_transport.h"

#include "lib/error.h"

namespace ringfold {

class StagedTransport::StagedFence final : public Fence {
 public:
  explicit StagedFence(StagedTransport& owner) : owner_(owner) {}
  bool ready() override {
    if (!done_ && owner_.pending_ == this && owner_.inner_done_->ready() && owner_.shows_end()) owner_.settle();
    return done_;
  }
  void wait() override {
    if (!done_) owner_.settle();
    RINGFOLD_INVARIANT(done_, "waits for an exchange that was given up");
  }
  void set(bool done) { done_ = done; }

 private:
  StagedTransport& owner_;
  bool done_ = true;
};

StagedTransport::StagedTransport(Transport& inner) : inner_(inner), inner_done_(inner.make_fence()) {}

StagedTransport::~StagedTransport() {
  if (pending_ != nullptr) inner_.cancel();
}

std::unique_ptr<Fence> StagedTransport::make_fence() { return std::make_unique<StagedFence>(*this); }

void StagedTransport::enqueue(const BoundExchange& exchange, Fence* after, Fence& done) {
  settle();
  if (after != nullptr) after->wait();
  auto& fence = static_cast<StagedFence&>(done);
  fence.set(false);
  current_ = exchange;
  prepare(current_);
  inner_.enqueue(current_, nullptr, *inner_done_);
  pending_ = &fence;
}

void StagedTransport::settle() {
  if (pending_ == nullptr) return;
  inner_done_->wait();
  StagedFence& fence = *pending_;
  pending_ = nullptr;
  conclude(current_);
  fence.set(true);
}

void StagedTransport::synchronize() {
  settle();
  inner_.synchronize();
}

void StagedTransport::cancel() noexcept {
  pending_ = nullptr;
  inner_.cancel();
}

}  // namespace ringfold
