// A rank's worker, and what it is given to do. How exchanges are posted and end is in ucx_posting.cpp, how a rank waits
// in ucx_waiting.cpp.
#include "transports/ucx_engine.h"

#include "lib/drill.h"
#include "transports/liveness.h"

#include <algorithm>
#include <bit>
#include <new>
#include <thread>
#include <utility>

namespace ringfold {

namespace {

ucp_worker_h make_worker(const UcxContext& context) {
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  ucp_worker_h worker = nullptr;
  const ucs_status_t status = ucp_worker_create(context.handle(), &params, &worker);
  RINGFOLD_CHECK(status == UCS_OK, ExitCode::unavailable, "no UCX worker: {}", ucx_error_text(status));
  return worker;
}

}  // namespace

UcxEngine::UcxEngine(std::shared_ptr<UcxContext> context, Control& control, std::chrono::milliseconds deadline)
    : context_(std::move(context)),
      control_(control),
      rank_(control.rank()),
      tag_bits_(64 - std::max(1, static_cast<int>(std::bit_width(static_cast<unsigned>(control.size() - 1))))),
      deadline_(deadline),
      worker_(make_worker(*context_)) {
  ucp_worker_attr_t attributes{};
  attributes.field_mask = UCP_WORKER_ATTR_FIELD_THREAD_MODE;
  ucp_worker_query(worker_.get(), &attributes);
  RINGFOLD_CHECK(attributes.thread_mode >= UCS_THREAD_MODE_SERIALIZED, ExitCode::unavailable,
                 "this UCX was built for one thread only");
  const ucs_status_t status = ucp_worker_get_efd(worker_.get(), &descriptor_);
  RINGFOLD_CHECK(status == UCS_OK, ExitCode::unavailable, "UCX cannot wake who waits: {}", ucx_error_text(status));
  peers_ = std::make_unique<UcxPeers>(*context_, worker_.get(), control);
  may_abort_ = !peers_->all_share_memory();
  if (may_abort_) AbortGuard::install("libuc");
  constexpr size_t kAlignment = 64;
  request_stride_ = (context_->request_bytes() + 2 * kAlignment - 1) / kAlignment * kAlignment;
  set_parameters();
  helper_ = std::make_unique<UcxHelper>(descriptor_, [this] { return look(); });
}

void UcxEngine::set_parameters() {
  for (ucp_request_param_t* parameters : {&send_parameters_, &receive_parameters_}) {
    parameters->op_attr_mask = UCP_OP_ATTR_FIELD_REQUEST | UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
    if (context_->moves(MemoryKind::cuda)) continue;  // name_memory() does
    parameters->op_attr_mask |= UCP_OP_ATTR_FIELD_MEMORY_TYPE;
    parameters->memory_type = UCS_MEMORY_TYPE_HOST;
  }
  send_parameters_.cb.send = [](void*, ucs_status_t status, void* user_data) {
    auto* ended = static_cast<Slot*>(user_data);
    ended->engine->end(*ended, status, 0);
  };
  receive_parameters_.cb.recv = [](void*, ucs_status_t status, const ucp_tag_recv_info_t* info, void* user_data) {
    auto* ended = static_cast<Slot*>(user_data);
    ended->engine->end(*ended, status, info->length);
  };
  // Else nobody says how much a message held that was there: UCX 1.13 leaves recv_info alone.
  receive_parameters_.op_attr_mask |= UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
}

UcxEngine::~UcxEngine() {
  const bool in_order = close_in_order();
  give_up(in_order);
}

/// What cannot be sent is said before anything is.
void UcxEngine::check(const BoundExchange& exchange) const {
  const auto ranks = static_cast<unsigned>(peers_->size());
  bool is_good = true;
  uint64_t tags = 0;
  for (const std::vector<Transfer>* transfers : {&exchange.receives, &exchange.sends}) {
    for (const Transfer& transfer : *transfers) {
      is_good &= static_cast<unsigned>(transfer.peer) < ranks;
      tags |= transfer.tag;
    }
  }
  if (!is_good || tags >> tag_bits_ != 0) refuse(exchange);
}

void UcxEngine::refuse(const BoundExchange& exchange) const {
  for (const std::vector<Transfer>* transfers : {&exchange.receives, &exchange.sends}) {
    for (const Transfer& transfer : *transfers) {
      RINGFOLD_INVARIANT(transfer.peer >= 0 && transfer.peer < peers_->size(),
                         "rank {}, operation {}: a peer outside 0..{}", rank_, exchange.operation, peers_->size() - 1);
      RINGFOLD_INVARIANT(transfer.tag >> tag_bits_ == 0, "rank {}, operation {}: tag {} has more than {} bits", rank_,
                         exchange.operation, transfer.tag, tag_bits_);
    }
  }
}

void UcxEngine::announce(std::span<const BoundExchange* const> exchanges, const AnnouncedMemory& memory) {
  if (ucp_mem_h handle = context_->take_in(memory); handle != nullptr) {
    taken_in_.push_back({memory.data.get(), memory.data.get() + memory.bytes, handle});
  }
  connect(exchanges);
}

/// Messages without bytes, both ways. UCX 1.13 aborts the program, in two of five cases, when a peer dies over TCP
/// while a large message is on its way and the connection not complete.
void UcxEngine::connect(std::span<const BoundExchange* const> exchanges) {
  greeting_ = {};
  std::vector<bool> is_met(static_cast<size_t>(peers_->size()));
  for (const BoundExchange* exchange : exchanges) {
    check(*exchange);
    greeting_.operation = exchanges.front()->operation;
    for (const std::vector<Transfer>* transfers : {&exchange->receives, &exchange->sends}) {
      for (const Transfer& transfer : *transfers) {
        const auto peer = static_cast<size_t>(transfer.peer);
        if (is_met[peer]) continue;
        is_met[peer] = true;
        greeting_.receives.push_back({transfer.peer, 0, transfer.data, 0});
        greeting_.sends.push_back({transfer.peer, 0, transfer.data, 0});
      }
    }
  }
  enqueue(greeting_, greeted_);
  wait(greeted_);
}

void UcxEngine::enqueue(const BoundExchange& exchange, std::atomic<bool>& done) {
  const Holding holding(*this);
  throw_if_over();
  check(exchange);
  done.store(false, std::memory_order_relaxed);
  outstanding_.store(outstanding_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (working()) {
    queue_.push_back({&exchange, &done});
    return;
  }
  start({&exchange, &done});
  advance();
  if (working()) progress();
}

std::string UcxEngine::transports_to(int peer) {
  const Holding holding(*this);
  return peers_->transports_to(peer);
}

}  // namespace ringfold
