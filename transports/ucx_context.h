#pragma once

#include "lib/transport.h"

#include <ucp/api/ucp.h>

#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace ringfold {

/// UCX's handle to the library and its devices, with our settings; shared by the ranks of this process.
class UcxContext {
 public:
  /// `ranks`: how many there are in all. Throws Error(unavailable) in UCX's own words, as when UCX_TLS names nothing
  /// that this machine has.
  explicit UcxContext(int ranks);
  ~UcxContext();
  UcxContext(const UcxContext&) = delete;
  UcxContext& operator=(const UcxContext&) = delete;

  ucp_context_h handle() const { return handle_; }
  /// What UCX needs in front of each request handle.
  size_t request_bytes() const { return request_bytes_; }
  bool moves(MemoryKind kind) const;
  /// The handle by which requests name memory of this rank. It and the memory live as long as the context: other ranks
  /// of this process may still read what a rank that has failed let them into. Null where UCX knows host memory alone
  /// and needs no handles. Throws Error(unavailable) if UCX cannot take the memory.
  ucp_mem_h take_in(const AnnouncedMemory& memory);
  /// In use: what this machine has and UCX_TLS allows. Each once, "self" first.
  const std::vector<std::string>& transports() const { return transports_; }
  /// Whether ranks of one host share memory and copy large messages straight from the sender's.
  bool shares_memory() const;

 private:
  class Settings;
  struct TakenIn {
    std::shared_ptr<std::byte> memory;
    ucp_mem_h handle;
  };

  void start(int ranks, const Settings& settings);

  std::mutex mutex_;
  std::vector<TakenIn> taken_in_;  ///< under the mutex
  ucp_context_h handle_ = nullptr;
  size_t request_bytes_ = 0;
  uint64_t memory_types_ = 0;
  std::vector<std::string> transports_;
};

/// What UCX prints of something; "" if it cannot.
std::string printed(const std::function<void(std::FILE*)>& print);

/// The status in words, with what UCX complained about since the last call, if anything: its own lines are kept off
/// standard output, unless UCX_LOG_LEVEL asks for them.
std::string ucx_error_text(ucs_status_t status);

/// The library at run time: version, file, and what is odd about it.
std::string ucx_library_text();

}  // namespace ringfold
