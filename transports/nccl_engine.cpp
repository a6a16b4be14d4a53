#include "transports/nccl_engine.h"

#include "transports/cuda_check.h"
#include "transports/gpus.h"
#include "transports/memory_device.h"
#include "transports/transfer_order.h"

#include <map>
#include <thread>

namespace ringfold {

namespace {

/// How long a rank that gives up waits for its stream to run dry.
constexpr std::chrono::milliseconds kDraining{2000};

/// NCCL waits for ever, or fails late, where two ranks share a device.
void check_apart(Control& control, int device) {
  std::map<std::string, int> ranks;
  const std::vector<std::string> places = all_say(control, boot_id() + " " + gpu_address(device));
  for (int rank = 0; rank < control.size(); ++rank) {
    const auto [other, is_new] = ranks.emplace(places[static_cast<size_t>(rank)], rank);
    RINGFOLD_CHECK(is_new, ExitCode::unavailable, "ranks {} and {} share the GPU at {}: NCCL needs one a rank",
                   other->second, rank, other->first.substr(other->first.find(' ') + 1));
  }
}

}  // namespace

NcclEngine::NcclEngine(Control& control, std::chrono::milliseconds deadline, int default_device)
    : control_(control), watch_(control, deadline, /*needs_compute_units=*/true), device_(default_device) {}

/// In order only once all ranks have got what they wait for from this one.
NcclEngine::~NcclEngine() {
  watch_.forget_left();  // it may be gone by now
  if (pending_) cancel();
  if (!communicator_ || closed_) return;
  try {
    const OnDevice on(device_);
    control_.barrier();
    communicator_->let_go();
  } catch (const std::exception&) {  // others have failed
    communicator_->give_up();
  }
}

void NcclEngine::start(const AnnouncedMemory& memory) {
  device_ = device_of(memory, communicator_ != nullptr, device_, control_.rank());
  if (communicator_) return;
  const OnDevice on(device_);
  check_apart(control_, device_);
  stream_ = std::make_unique<CudaStream>();
  last_ = std::make_unique<DeviceEvent>(DeviceEvent::Timed::yes);
  StreamFlags::load();
  communicator_ = std::make_unique<NcclCommunicator>(control_, watch_);
}

void NcclEngine::announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory) {
  RINGFOLD_INVARIANT(!closed_, "rank {}: a program is announced after a cancellation", control_.rank());
  start(memory);
  const OnDevice on(device_);
  std::vector<AnnouncedProgram> programs;
  for (const std::string& bytes : all_say(control_, to_bytes(announced(exchanges)))) {
    programs.push_back(program_of(bytes));
  }
  const MatchedProgram matched = match_transfers(programs, control_.rank());
  std::vector<Group> groups(exchanges.size());
  Group all;
  for (const MatchedTransfer& send : matched.sends) {
    if (send.bytes == 0) continue;  // on both ends
    const auto exchange = static_cast<size_t>(send.exchange);
    groups[exchange].sends.push_back(
        {send.peer, exchanges[exchange]->sends[static_cast<size_t>(send.transfer)].data, send.bytes});
    all.sends.push_back(groups[exchange].sends.back());
  }
  for (const MatchedTransfer& receive : matched.receives) {
    if (receive.bytes == 0) continue;
    const auto exchange = static_cast<size_t>(receive.exchange);
    groups[exchange].receives.push_back(
        {receive.peer, exchanges[exchange]->receives[static_cast<size_t>(receive.transfer)].data, receive.bytes});
    all.receives.push_back(groups[exchange].receives.back());
  }
  connect(all.sends, all.receives);
  watch_.announce(exchanges);
  groups_.insert(groups_.end(), std::make_move_iterator(groups.begin()), std::make_move_iterator(groups.end()));
}

/// Both ends of a pair know alike whether they have been connected before.
void NcclEngine::connect(const std::vector<NcclMessage>& sends, const std::vector<NcclMessage>& receives) {
  std::vector<int> receivers;
  std::vector<int> senders;
  for (const NcclMessage& send : sends) {
    if (receivers_.insert(send.peer).second) receivers.push_back(send.peer);
  }
  for (const NcclMessage& receive : receives) {
    if (senders_.insert(receive.peer).second) senders.push_back(receive.peer);
  }
  communicator_->connect(senders, receivers, stream_->get());
}

void NcclEngine::enqueue(const BoundExchange& exchange, Fence* after, StreamFence& done) {
  RINGFOLD_INVARIANT(!closed_, "rank {}: exchanges go on after they were cancelled", control_.rank());
  const uint32_t number = watch_.number_of(exchange);
  const OnDevice on(device_);
  const cudaStream_t stream = stream_->get();
  wait_on_stream(stream, after);
  const bool captured = stream_->is_captured();
  if (!captured) {
    pending_ = true;
    watch_.time_begin(exchange, stream);
  }
  flags_.write(watch_.begun_word(), number);
  flags_.flush(stream);
  const Group& group = groups_[number - 1];
  communicator_->exchange(group.sends, group.receives, stream);
  flags_.write(watch_.ended_word(), number);
  flags_.flush(stream);
  done.record(stream, captured);
  if (!captured) watch_.time_end(exchange, stream);
}

void NcclEngine::wait(cudaEvent_t event) {
  const OnDevice on(device_);
  watch_.wait(event, [this] { communicator_->look(); });
}

void NcclEngine::watch(Fence& end) {
  const auto event = static_cast<cudaEvent_t>(end.native());
  if (event == nullptr) return end.wait();
  const OnDevice on(device_);
  watch_.finish(event, [this] {
    if (communicator_) communicator_->look();
  });
  pending_ = false;
}

void NcclEngine::synchronize() {
  if (!pending_) return;
  const OnDevice on(device_);
  RINGFOLD_CUDA(cudaEventRecord(last_->get(), stream_->get()));
  watch_.finish(last_->get(), [this] { communicator_->look(); });
  pending_ = false;
}

/// NCCL's kernels end when the communicator is given up, also those of a recorded program that runs.
void NcclEngine::cancel() noexcept {
  if (closed_) return;
  closed_ = true;
  pending_ = false;
  if (!communicator_) return;
  try {
    const OnDevice on(device_);
    communicator_->give_up();
    const auto end = std::chrono::steady_clock::now() + kDraining;
    const auto is_busy = [this] {
      const bool is_watched = watch_.left_at() != nullptr && cudaEventQuery(watch_.left_at()) == cudaErrorNotReady;
      return is_watched || !stream_->is_idle();
    };
    while (is_busy() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  } catch (const std::exception&) {  // the device is lost: nothing of it runs
  }
}

}  // namespace ringfold
