#include "transports/ucx_peers.h"

#include "lib/error.h"
#include "transports/machine.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <sstream>

namespace ringfold {

namespace {

void append(std::string& text, const std::string& part) {
  const uint64_t bytes = part.size();
  text.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  text += part;
}

std::string take(std::string_view& text) {
  uint64_t bytes = 0;
  RINGFOLD_INVARIANT(text.size() >= sizeof bytes, "a rank's UCX address is cut");
  std::memcpy(&bytes, text.data(), sizeof bytes);
  text.remove_prefix(sizeof bytes);
  RINGFOLD_INVARIANT(text.size() >= bytes, "a rank's UCX address is cut");
  std::string part(text.substr(0, bytes));
  text.remove_prefix(bytes);
  return part;
}

}  // namespace

UcxPeers::UcxPeers(const UcxContext& context, ucp_worker_h worker, Control& control)
    : worker_(worker), rank_(control.rank()), peers_(static_cast<size_t>(control.size())) {
  ucp_address_t* address = nullptr;
  size_t length = 0;
  const ucs_status_t status = ucp_worker_get_address(worker, &address, &length);
  RINGFOLD_CHECK(status == UCS_OK, ExitCode::internal, "rank {}: no UCX address: {}", rank_, ucx_error_text(status));
  const std::string host = machine_id({"ipc", "pid"});
  std::string mine;
  append(mine, host);
  append(mine, context.shares_memory() ? "shares" : "");
  append(mine, {reinterpret_cast<const char*>(address), length});
  ucp_worker_release_address(worker, address);
  std::string all;
  for (const std::string& rank : control.gather(mine)) all += rank;
  all = control.broadcast(all);
  std::string_view rest(all);
  for (Peer& peer : peers_) {
    const bool is_here = take(rest) == host;
    peer.shares_memory = !take(rest).empty() && context.shares_memory() && is_here;
    peer.address = take(rest);
  }
}

void UcxPeers::failed(void* peer, ucp_ep_h, ucs_status_t status) { static_cast<Peer*>(peer)->failure = status; }

ucp_ep_h UcxPeers::connect(int peer) {
  Peer& to = peers_[static_cast<size_t>(peer)];
  ucp_ep_params_t params{};
  params.field_mask =
      UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(to.address.data());
  params.err_mode = to.shares_memory ? UCP_ERR_HANDLING_MODE_NONE : UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler = {failed, &to};
  const ucs_status_t status = ucp_ep_create(worker_, &params, &to.endpoint);
  if (status != UCS_OK) {
    to.endpoint = nullptr;
    to.failure = status;
  }
  return to.endpoint;
}

bool UcxPeers::closing(bool cut) {
  bool any = false;
  for (Peer& peer : peers_) {
    if (peer.endpoint != nullptr) {
      ucp_request_param_t params{};
      // An endpoint that fails no sends cannot be cut.
      if (!peer.shares_memory && (cut || peer.failure != UCS_OK)) {
        params.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
        params.flags = UCP_EP_CLOSE_FLAG_FORCE;
      } else if (cut) {
        continue;
      }
      ucs_status_ptr_t request = ucp_ep_close_nbx(peer.endpoint, &params);
      peer.endpoint = nullptr;
      peer.closing = UCS_PTR_IS_PTR(request) ? request : nullptr;
    }
    if (peer.closing == nullptr) continue;
    if (ucp_request_check_status(peer.closing) == UCS_INPROGRESS) {
      any = true;
    } else {
      ucp_request_free(std::exchange(peer.closing, nullptr));
    }
  }
  return any;
}

bool UcxPeers::all_share_memory() const {
  return std::all_of(peers_.begin(), peers_.end(), [](const Peer& peer) { return peer.shares_memory; });
}

bool UcxPeers::can_be_cut() const {
  bool any = false;
  for (const Peer& peer : peers_) {
    if (peer.endpoint == nullptr || peer.shares_memory) continue;
    any = true;
    if (transports_of(peer.endpoint).find("tcp") != std::string::npos) return false;
  }
  return any;
}

std::string UcxPeers::transports_to(int peer) {
  ucp_ep_h to = endpoint(peer);
  return to == nullptr ? std::string() : transports_of(to);
}

std::string UcxPeers::transports_of(ucp_ep_h to) {
  std::istringstream lines(printed([&](std::FILE* file) { ucp_ep_print_info(to, file); }));
  std::string names;
  for (std::string line; std::getline(lines, line);) {  // "lane[0]:  3:sysv/memory.0 md[2] ..."
    const size_t lane = line.find("lane[");
    const size_t colon = lane == std::string::npos ? lane : line.find(':', line.find(':', lane) + 1);
    if (colon == std::string::npos) continue;
    const std::string name = line.substr(colon + 1, line.find_first_of(". ", colon) - colon - 1);
    if (names.find(name) == std::string::npos) names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}

}  // namespace ringfold
