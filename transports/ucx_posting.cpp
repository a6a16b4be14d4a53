// Exchanges on a worker: posted, and ended.
#include "lib/drill.h"
#include "transports/liveness.h"
#include "transports/ucx_engine.h"

#include <algorithm>
#include <string>

namespace ringfold {

namespace {

/// While many receives are posted, messages pile up: beyond what the first level cache holds, each costs a tenth to a
/// fifth more. So what has come is taken in after every few. Not if they are small: UCX puts a message that comes
/// before its receive aside, by a copy.
constexpr size_t kReceivesALook = 4;
constexpr int64_t kSmallBytes = 256;

}  // namespace

bool UcxEngine::progress() {
  unsigned events = 0;
  call_library([&] { events = ucp_worker_progress(worker_.get()); });
  if (events == 0 || is_broken_) return false;
  control_.tick();
  advance();
  return true;
}

/// Ends the exchange in flight if all its transfers have, and starts those after it.
void UcxEngine::advance() {
  while (unfinished_ == 0) {
    if (current_.exchange != nullptr) {
      if (current_.exchange->span != nullptr) current_.exchange->span->end = Clock::now();
      current_.done->store(true, std::memory_order_release);
      current_ = {};
      outstanding_.store(outstanding_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    }
    if (next_ == queue_.size()) {
      queue_.clear();
      next_ = 0;
      return;
    }
    start(queue_[next_++]);
  }
}

void UcxEngine::start(Enqueued next) {
  current_ = next;
  const BoundExchange& exchange = *current_.exchange;
  if (exchange.span != nullptr) exchange.span->begin = Clock::now();
  const size_t receives = exchange.receives.size();
  const size_t count = receives + exchange.sends.size();
  slots_.resize(count);
  // All of them, before the first is given away: a library that breaks meanwhile leaves the others as they are.
  for (size_t i = 0; i < count; ++i) {
    const bool sends = i >= receives;
    slots_[i] = {this, sends ? &exchange.sends[i - receives] : &exchange.receives[i], sends, false, false};
  }
  const auto is_small = [](const Slot& slot) { return slot.transfer->bytes <= kSmallBytes; };
  are_small_ = std::ranges::all_of(slots_, is_small);
  if (requests_.size() < (count + 1) * request_stride_) requests_.resize((count + 1) * request_stride_);
  unfinished_ = static_cast<int64_t>(count);
  in_library_ += unfinished_;
  receive_all(exchange.receives);
  if (!is_broken_) send_all(exchange.sends, receives);
  drill(rank_, "transfer");
}

/// Of what nobody announced UCX asks the driver whose memory it is.
void UcxEngine::name_memory(ucp_request_param_t& parameters, const Transfer& transfer) const {
  if (!context_->moves(MemoryKind::cuda)) return;
  parameters.op_attr_mask &= ~uint32_t{UCP_OP_ATTR_FIELD_MEMH};
  for (const TakenIn& memory : taken_in_) {
    if (transfer.bytes == 0 || transfer.data < memory.begin || transfer.data >= memory.end) continue;
    parameters.op_attr_mask |= UCP_OP_ATTR_FIELD_MEMH;
    parameters.memh = memory.handle;
  }
}

void UcxEngine::receive_all(const std::vector<Transfer>& transfers) {
  ucp_worker_h worker = worker_.get();
  Slot* slot = slots_.data();
  std::byte* request = requests_.data() + request_stride_;
  size_t count = 0;
  for (const Transfer& transfer : transfers) {
    slot->in_library = true;
    receive_parameters_.user_data = slot;
    receive_parameters_.request = request;
    name_memory(receive_parameters_, transfer);
    ucs_status_ptr_t posted = nullptr;
    call_library([&] {
      posted = ucp_tag_recv_nbx(worker, transfer.data, static_cast<size_t>(transfer.bytes),
                                tag_of(transfer.peer, transfer.tag), ~ucp_tag_t{0}, &receive_parameters_);
    });
    if (is_broken_) return;
    if (UCS_PTR_IS_ERR(posted)) end(*slot, UCS_PTR_STATUS(posted), 0);
    ++slot;
    request += request_stride_;
    if (are_small_ || ++count % kReceivesALook != 0) continue;
    call_library([&] { ucp_worker_progress(worker); });
    if (is_broken_) return;
  }
}

/// Small messages end here, before anybody has made progress.
void UcxEngine::send_all(const std::vector<Transfer>& transfers, size_t first) {
  const uint64_t sender = tag_of(rank_, 0);
  Slot* slot = slots_.data() + first;
  std::byte* request = requests_.data() + (first + 1) * request_stride_;
  for (const Transfer& transfer : transfers) {
    slot->in_library = true;
    send_parameters_.user_data = slot;
    send_parameters_.request = request;
    name_memory(send_parameters_, transfer);
    ucs_status_ptr_t posted = nullptr;
    call_library([&] {
      ucp_ep_h to = peers_->endpoint(transfer.peer);
      posted = to == nullptr ? UCS_STATUS_PTR(peers_->failure(transfer.peer))
                             : ucp_tag_send_nbx(to, transfer.data, static_cast<size_t>(transfer.bytes),
                                                sender | transfer.tag, &send_parameters_);
    });
    if (is_broken_) return;
    if (!UCS_PTR_IS_PTR(posted)) end(*slot, UCS_PTR_STATUS(posted), 0);
    ++slot;
    request += request_stride_;
  }
}

void UcxEngine::end(Slot& slot, ucs_status_t status, size_t bytes) {
  --in_library_;
  slot.in_library = false;
  if (closed_) return;
  if (status != UCS_OK || (!slot.sends && bytes != static_cast<size_t>(slot.transfer->bytes))) {
    note_failure(slot, status, bytes);
    return;
  }
  slot.ended = true;
  --unfinished_;
}

void UcxEngine::note_failure(const Slot& slot, ucs_status_t status, size_t bytes) {
  if (failure_) return;
  const Transfer& transfer = *slot.transfer;
  const int operation = current_.exchange->operation;
  if (status == UCS_OK || status == UCS_ERR_MESSAGE_TRUNCATED) {
    failure_ = Error(
        ExitCode::internal,
        fmt::format("rank {} sends {} bytes with tag {} to rank {}, which expects {} in operation {}", transfer.peer,
                    status == UCS_OK ? std::to_string(bytes) : "more", transfer.tag, rank_, transfer.bytes, operation));
    return;
  }
  const std::string waits = describe_wait(
      rank_, {transfer.peer, slot.sends ? "to receive" : "to send", operation, transfer.tag, transfer.bytes});
  // A peer that has died before it was reached is the control plane's to name.
  failed_at_ = Clock::now();
  if (status == UCS_ERR_UNREACHABLE || status == UCS_ERR_NO_MEMORY) {
    failure_ = Error(ExitCode::unavailable, fmt::format("rank {} cannot reach rank {} over UCX: {}; {}", rank_,
                                                        transfer.peer, ucx_error_text(status), waits));
  } else {
    failure_ = Error(ExitCode::peer_lost, fmt::format("rank {} is not reached any more: {}; {}", transfer.peer,
                                                      ucx_error_text(status), waits));
  }
}

}  // namespace ringfold
