#pragma once

#include "lib/control.h"
#include "transports/ucx_context.h"

#include <string>
#include <vector>

namespace ringfold {

/// One rank's ways to all ranks of its session: their workers' addresses, and an endpoint to each that it talks to.
///
/// Endpoints report failures (UCP_ERR_HANDLING_MODE_PEER), except between ranks of one host that share memory: there
/// that mode would rule out copies straight from the sender's memory, and nothing in shared memory notices that a
/// process is gone anyway. The control plane does.
class UcxPeers {
 public:
  /// Collective. Throws Error(internal) if the worker has no address, and what the control throws.
  UcxPeers(const UcxContext& context, ucp_worker_h worker, Control& control);
  ~UcxPeers() = default;
  UcxPeers(const UcxPeers&) = delete;
  UcxPeers& operator=(const UcxPeers&) = delete;

  int size() const { return static_cast<int>(peers_.size()); }
  /// For sending; made when first asked for. Null if the peer cannot be reached: failure() says why then.
  ucp_ep_h endpoint(int peer) {
    Peer& to = peers_[static_cast<size_t>(peer)];
    return to.endpoint != nullptr ? to.endpoint : connect(peer);
  }
  /// UCS_OK unless the endpoint's connection has failed.
  ucs_status_t failure(int peer) const { return peers_[static_cast<size_t>(peer)].failure; }

  /// Starts to close all endpoints: after their sends, or at once where they can be cut. True while some are closing;
  /// call again after progress.
  bool closing(bool cut);
  bool all_share_memory() const;
  /// Whether endpoints can be closed in the middle of a message: UCX 1.13 may abort if one over TCP is.
  bool can_be_cut() const;
  /// UCX's names of the transports to a peer, such as "posix/memory, cma/memory"; connects.
  std::string transports_to(int peer);

 private:
  struct Peer {
    std::string address;
    bool shares_memory = false;
    ucp_ep_h endpoint = nullptr;
    void* closing = nullptr;
    ucs_status_t failure = UCS_OK;
  };

  static void failed(void* peer, ucp_ep_h endpoint, ucs_status_t status);
  ucp_ep_h connect(int peer);
  static std::string transports_of(ucp_ep_h endpoint);

  ucp_worker_h worker_;
  int rank_;
  std::vector<Peer> peers_;
};

}  // namespace ringfold
