#include "transports/stream_watch.h"

#include "lib/stop.h"
#include "transports/cuda_check.h"
#include "transports/liveness.h"
#include "transports/pause.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <utility>

namespace ringfold {

namespace {

using std::chrono::milliseconds;

/// How long a rank that waits keeps its core, offering it to others all the while; then it sleeps between looks.
constexpr milliseconds kAwake{100};
constexpr std::chrono::microseconds kNap{50};
constexpr int kLooksAYield = 20;
constexpr milliseconds kLookAround{1};
/// A wait this long is told to the control plane.
constexpr milliseconds kLong{10};
/// Libraries connect ranks in seconds, whatever the deadline.
constexpr milliseconds kMeeting{60000};
constexpr int64_t kWordsBytes = 8;

std::shared_ptr<std::byte> make_words() {
  void* words = nullptr;
  RINGFOLD_CUDA(cudaHostAlloc(&words, kWordsBytes, cudaHostAllocPortable | cudaHostAllocMapped));
  std::memset(words, 0, kWordsBytes);
  return {static_cast<std::byte*>(words), [](std::byte* freed) { (void)cudaFreeHost(freed); }};
}

bool is_ready(cudaEvent_t event) {
  const cudaError_t status = cudaEventQuery(event);
  if (status == cudaErrorNotReady) return false;
  RINGFOLD_CUDA(status);
  return true;
}

}  // namespace

/// One wait: looks around, tells of it, gives up.
class StreamWatch::Wait {
 public:
  /// `wants`: what is waited for if it is not the exchange in flight.
  Wait(StreamWatch& watch, const std::function<void()>& look, std::span<const Wanted> wants, milliseconds patience)
      : watch_(watch), look_(look), wants_(wants), patience_(patience) {}
  ~Wait() {
    if (told_ == 0) return;
    try {
      watch_.control_.waits_for({});
    } catch (const std::exception&) {  // the next call says it again
    }
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  void pause() {
    if (++pauses_ % kLooksAYield != 0) return pause_briefly();
    const Clock::time_point now = Clock::now();
    if (now - looked_ >= kLookAround) look_around(now);
    now - begin_ < kAwake ? std::this_thread::yield() : std::this_thread::sleep_for(kNap);
  }

 private:
  static constexpr uint32_t kMeets = ~uint32_t{0};

  void look_around(Clock::time_point now) {
    looked_ = now;
    RINGFOLD_CHECK(!stop_requested(), ExitCode::interrupted, "interrupted");
    watch_.control_.check();
    if (look_) look_();
    const std::pair words{watch_.word(0), watch_.word(1)};
    const uint32_t waits = wants_.empty() ? watch_.in_flight() : kMeets;
    const bool has_changed = words != words_;
    words_ = words;
    if (has_changed) moved_ = now;
    if (has_changed || waits == 0 || waits == kMeets || watch_.needs_compute_units_) watch_.control_.tick();
    if (now - moved_ >= patience_) give_up(now - moved_, waits);
    if (now - begin_ < kLong || waits == told_) return;
    told_ = waits;
    watch_.control_.waits_for(wants_of(waits));
  }

  std::span<const Wanted> wants_of(uint32_t waits) const {
    if (waits == kMeets) return wants_;
    if (waits == 0 || waits > watch_.wanted_.size()) return {};
    return watch_.wanted_[waits - 1];
  }

  [[noreturn]] void give_up(Clock::duration quiet, uint32_t waits) const {
    const int rank = watch_.control_.rank();
    std::string text = fmt::format(
        "rank {}: its device shows no progress for {} ms (deadline {} ms, for a device {} ms)", rank,
        std::chrono::duration_cast<milliseconds>(quiet).count(), watch_.deadline_.count(), patience_.count());
    for (const Wanted& wanted : wants_of(waits)) text += "; " + describe_wait(rank, wanted);
    throw Error(ExitCode::deadline, text);
  }

  StreamWatch& watch_;
  std::function<void()> look_;
  std::span<const Wanted> wants_;
  milliseconds patience_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point moved_ = begin_;
  Clock::time_point looked_ = begin_;
  std::pair<uint32_t, uint32_t> words_{};
  uint32_t told_ = 0;
  int pauses_ = 0;
};

StreamWatch::StreamWatch(Control& control, std::chrono::milliseconds deadline, bool needs_compute_units,
                         std::shared_ptr<std::byte> words)
    : control_(control), deadline_(deadline), needs_compute_units_(needs_compute_units), words_(std::move(words)) {}

void StreamWatch::announce(std::span<const BoundExchange* const> exchanges) {
  if (!words_) words_ = make_words();
  for (const BoundExchange* exchange : exchanges) {
    std::vector<Wanted> wants;
    const auto add = [&](const Transfer& transfer, const char* what) {
      if (transfer.peer == control_.rank()) return;
      wants.push_back({transfer.peer, what, exchange->operation, transfer.tag, transfer.bytes});
    };
    for (const Transfer& send : exchange->sends) add(send, "to receive");
    for (const Transfer& receive : exchange->receives) add(receive, "to send");
    wanted_.push_back(std::move(wants));
    numbers_[exchange] = static_cast<uint32_t>(wanted_.size());
  }
}

uint32_t StreamWatch::number_of(const BoundExchange& exchange) {
  const auto found = numbers_.find(&exchange);
  RINGFOLD_INVARIANT(found != numbers_.end(), "rank {}, operation {}: an exchange that was not announced",
                     control_.rank(), exchange.operation);
  return found->second;
}

uint32_t StreamWatch::word(size_t index) const {
  if (!words_) return 0;
  auto& word = *reinterpret_cast<uint32_t*>(words_.get() + index * sizeof(uint32_t));
  return std::atomic_ref<uint32_t>(word).load(std::memory_order_acquire);
}

uint32_t StreamWatch::in_flight() const {
  const uint32_t ended = word(1);
  const uint32_t begun = word(0);
  return begun == ended ? 0 : begun;
}

void StreamWatch::time_begin(const BoundExchange& exchange, cudaStream_t stream) {
  if (exchange.span == nullptr) return;
  if (timing_ == timed_.size()) {
    timed_.push_back({nullptr, std::make_unique<CudaEvent>(CudaEvent::Timed::yes),
                      std::make_unique<CudaEvent>(CudaEvent::Timed::yes)});
  }
  timed_[timing_].exchange = &exchange;
  RINGFOLD_CUDA(cudaEventRecord(timed_[timing_].begin->get(), stream));
}

void StreamWatch::time_end(const BoundExchange& exchange, cudaStream_t stream) {
  if (exchange.span == nullptr) return;
  RINGFOLD_CUDA(cudaEventRecord(timed_[timing_++].end->get(), stream));
}

void StreamWatch::wait(const std::function<bool()>& ready, const std::function<void()>& look) {
  Wait wait(*this, look, {}, kPatience * deadline_);
  while (!ready()) wait.pause();
}

void StreamWatch::wait(cudaEvent_t event, const std::function<void()>& look) {
  left_at_ = event;
  wait([event] { return is_ready(event); }, look);
  left_at_ = nullptr;
}

void StreamWatch::meet(const std::function<bool()>& ready, std::span<const Wanted> wants) {
  Wait wait(*this, {}, wants, std::max(kPatience * deadline_, kMeeting));
  while (!ready()) wait.pause();
}

void StreamWatch::finish(cudaEvent_t end, const std::function<void()>& look) {
  wait(end, look);
  write_spans(end);
  if (words_) std::memset(words_.get(), 0, kWordsBytes);
}

/// A device's times are told by how long they were before the end.
void StreamWatch::write_spans(cudaEvent_t end) {
  if (timing_ == 0) return;
  std::vector<std::pair<float, float>> before(timing_);
  bool is_timed = true;
  for (size_t i = 0; i < timing_; ++i) {
    is_timed = is_timed && cudaEventElapsedTime(&before[i].first, timed_[i].begin->get(), end) == cudaSuccess &&
               cudaEventElapsedTime(&before[i].second, timed_[i].end->get(), end) == cudaSuccess;
  }
  if (!is_timed) (void)cudaGetLastError();  // the end is of an event that keeps no time: nothing is said
  const Clock::time_point now = Clock::now();
  const auto at = [&](float ms) {
    return now - std::chrono::duration_cast<Clock::duration>(std::chrono::duration<float, std::milli>(ms));
  };
  for (size_t i = 0; is_timed && i < timing_; ++i)
    *timed_[i].exchange->span = {at(before[i].first), at(before[i].second)};
  timing_ = 0;
}

bool StreamFence::ready() { return !event_ || is_captured_ || is_ready(event_->get()); }

void StreamFence::wait() {
  if (!ready()) wait_for_(event_->get());
}

void StreamFence::record(cudaStream_t stream, bool captured) {
  if (!event_) event_ = std::make_unique<CudaEvent>();
  is_captured_ = captured;
  RINGFOLD_CUDA(cudaEventRecord(event_->get(), stream));
}

}  // namespace ringfold
