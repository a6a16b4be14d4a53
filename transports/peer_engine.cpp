#include "transports/peer_engine.h"

#include "transports/cuda_check.h"
#include "transports/memory_device.h"

#include <thread>

namespace ringfold {

namespace {

/// How long a rank that gives up waits for its streams to run dry.
constexpr std::chrono::milliseconds kDraining{2000};
/// In each byte, it makes a flag that is at least 1.
constexpr int kSet = 0x40;

}  // namespace

PeerEngine::PeerEngine(Control& control, std::chrono::milliseconds deadline, int default_device, bool for_processes,
                       std::shared_ptr<KeptMemory> kept)
    : control_(control),
      for_processes_(for_processes),
      kept_(std::move(kept)),
      watch_(control, deadline, /*needs_compute_units=*/false),
      device_(default_device) {}

PeerEngine::~PeerEngine() {
  watch_.forget_left();  // it may be gone by now
  if (pending_) cancel();
}

void PeerEngine::start_device(const AnnouncedMemory& memory) {
  device_ = device_of(memory, has_device_, device_, control_.rank());
  has_device_ = true;
  const OnDevice on(device_);
  if (main_) return;
  main_ = std::make_unique<CudaStream>();
  rescue_ = std::make_unique<CudaStream>();
  forked_ = std::make_unique<DeviceEvent>();
  last_ = std::make_unique<DeviceEvent>(DeviceEvent::Timed::yes);
  StreamFlags::load();
}

void PeerEngine::announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory) {
  RINGFOLD_INVARIANT(!closed_, "rank {}: a program is announced after a cancellation", control_.rank());
  start_device(memory);
  const OnDevice on(device_);
  PeerRoutes routes = find_routes(control_, exchanges, memory, device_, for_processes_);
  kept_->keep(memory.data);
  kept_->keep(routes.flags);
  for (const PeerRoute& route : routes.exchanges) {
    for (size_t i = 1; i < route.lanes.size(); ++i) {
      auto& lane = lanes_[route.lanes[i].peer];
      if (!lane) lane = std::make_unique<Lane>();
    }
  }
  watch_.announce(exchanges);
  programs_.push_back(std::move(routes));
  small_programs_.push_back(std::make_unique<SmallExchanges>(
      programs_.back().exchanges, static_cast<uint32_t>(routes_.size()) + 1, watch_.begun_word(), watch_.ended_word()));
  for (size_t i = 0; i < exchanges.size(); ++i) {
    routes_.push_back(&programs_.back().exchanges[i]);
    small_.push_back(small_programs_.back()->of(i));
  }
}

void PeerEngine::enqueue(const BoundExchange& exchange, Fence* after, StreamFence& done) {
  RINGFOLD_INVARIANT(!closed_, "rank {}: exchanges go on after they were cancelled", control_.rank());
  const uint32_t number = watch_.number_of(exchange);
  const OnDevice on(device_);
  const cudaStream_t stream = main_->get();
  wait_on_stream(stream, after);
  const bool captured = main_->is_captured();
  if (!captured) {
    pending_ = true;
    watch_.time_begin(exchange, stream);
  }
  if (const SmallExchange* small = small_[number - 1]) {
    launch_small_exchange(*small, stream);
    RINGFOLD_CUDA(cudaGetLastError());
  } else {
    flags_.write(watch_.begun_word(), number);
    put_on_streams(*routes_[number - 1]);
    flags_.write(watch_.ended_word(), number);
    flags_.flush(stream);
  }
  done.record(stream, captured);
  if (!captured) watch_.time_end(exchange, stream);
}

void PeerEngine::put_on_streams(const PeerRoute& route) {
  const cudaStream_t stream = main_->get();
  for (const DepartingMeeting& meeting : route.departing) flags_.set(meeting.ready);
  if (route.lanes.size() > 1) {
    flags_.flush(stream);
    RINGFOLD_CUDA(cudaEventRecord(forked_->get(), stream));
    for (size_t i = 1; i < route.lanes.size(); ++i) pull_beside(route.lanes[i]);
  }
  if (!route.own.empty()) flags_.flush(stream);
  for (const PeerCopy& copy : route.own) {
    RINGFOLD_CUDA(cudaMemcpyAsync(copy.to, copy.from, static_cast<size_t>(copy.bytes), cudaMemcpyDefault, stream));
  }
  if (!route.lanes.empty()) pull(route.lanes.front(), stream);
  for (size_t i = 1; i < route.lanes.size(); ++i) {
    flags_.flush(stream);
    RINGFOLD_CUDA(cudaStreamWaitEvent(stream, lanes_.at(route.lanes[i].peer)->joined.get(), 0));
  }
  for (const DepartingMeeting& meeting : route.departing) flags_.take(meeting.taken);
}

/// Leaves the last flags noted, to go with what follows.
void PeerEngine::pull(const PeerLane& lane, cudaStream_t stream) {
  for (const ArrivingMeeting& meeting : lane.meetings) {
    flags_.take(meeting.ready);
    flags_.flush(stream);
    for (const PeerCopy& copy : meeting.copies) {
      RINGFOLD_CUDA(cudaMemcpyAsync(copy.to, copy.from, static_cast<size_t>(copy.bytes), cudaMemcpyDefault, stream));
    }
    flags_.set(meeting.taken);
  }
}

void PeerEngine::pull_beside(const PeerLane& peer) {
  const Lane& lane = *lanes_.at(peer.peer);
  RINGFOLD_CUDA(cudaStreamWaitEvent(lane.stream.get(), forked_->get(), 0));
  pull(peer, lane.stream.get());
  flags_.flush(lane.stream.get());
  RINGFOLD_CUDA(cudaEventRecord(lane.joined.get(), lane.stream.get()));
}

void PeerEngine::wait(cudaEvent_t event) {
  const OnDevice on(device_);
  watch_.wait(event, {});
}

void PeerEngine::watch(Fence& end) {
  const auto event = static_cast<cudaEvent_t>(end.native());
  if (event == nullptr) return end.wait();
  const OnDevice on(device_);
  watch_.finish(event, {});
  pending_ = false;
}

void PeerEngine::synchronize() {
  if (!pending_) return;
  const OnDevice on(device_);
  RINGFOLD_CUDA(cudaEventRecord(last_->get(), main_->get()));
  watch_.finish(last_->get(), {});
  pending_ = false;
}

bool PeerEngine::is_drained() const {
  if (watch_.left_at() != nullptr && cudaEventQuery(watch_.left_at()) == cudaErrorNotReady) return false;
  for (const auto& [peer, lane] : lanes_) {
    if (!lane->stream.is_idle()) return false;
  }
  return main_->is_idle();
}

/// This rank's. Returns the first error.
cudaError_t PeerEngine::fill_flags(int byte) {
  cudaError_t first = cudaSuccess;
  for (const PeerRoutes& program : programs_) {
    const size_t bytes = static_cast<size_t>(program.flag_words) * sizeof(uint32_t);
    const cudaError_t error = cudaMemsetAsync(program.flags.get(), byte, bytes, rescue_->get());
    if (first == cudaSuccess) first = error;
  }
  return first;
}

/// While flags are set again and again nothing waits for a peer. No rank sets others' before all have ended what they
/// did, and none goes on before all are clear.
void PeerEngine::rehearse(const std::function<void()>& start, Fence& end) {
  const OnDevice on(device_);
  control_.barrier();
  RINGFOLD_CUDA(fill_flags(kSet));
  RINGFOLD_CUDA(cudaStreamSynchronize(rescue_->get()));
  start();
  watch_.finish(static_cast<cudaEvent_t>(end.native()), [this] { RINGFOLD_CUDA(fill_flags(kSet)); });
  RINGFOLD_CUDA(cudaStreamSynchronize(rescue_->get()));
  control_.barrier();
  RINGFOLD_CUDA(fill_flags(0));
  RINGFOLD_CUDA(cudaStreamSynchronize(rescue_->get()));
  control_.barrier();
}

/// What is on the streams, or in a recorded program that runs, waits for flags which may never be set: they are set
/// again and again until all of it has run.
void PeerEngine::cancel() noexcept {
  if (closed_) return;
  closed_ = true;
  pending_ = false;
  if (!main_) return;
  try {
    const OnDevice on(device_);
    const auto end = std::chrono::steady_clock::now() + kDraining;
    while (!is_drained() && std::chrono::steady_clock::now() < end) {
      (void)fill_flags(kSet);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    (void)cudaStreamSynchronize(rescue_->get());
  } catch (const std::exception&) {  // the device is lost: nothing of it runs
  }
}

}  // namespace ringfold
