#include "transports/nccl_communicator.h"

#include "transports/cuda_check.h"
#include "transports/cuda_handles.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

namespace ringfold {

namespace {

/// Attention needs the rest of the multiprocessors. NCCL_MAX_CTAS overrides it.
constexpr int kMostCtas = 16;
/// The first with all that is asked of a communicator's configuration.
constexpr int kOldest = NCCL_VERSION(2, 18, 0);
/// How long the control plane has to say better than NCCL what became of a peer.
constexpr std::chrono::milliseconds kGrace{1000};
/// How long the end of a communicator is waited for.
constexpr std::chrono::milliseconds kFarewell{10000};

bool is_fine(ncclResult_t status) { return status == ncclSuccess || status == ncclInProgress; }

ncclUniqueId shared_id(Control& control) {
  ncclUniqueId id{};
  std::string bytes;
  if (control.rank() == 0) {
    const ncclResult_t status = ncclGetUniqueId(&id);
    RINGFOLD_CHECK(status == ncclSuccess, ExitCode::unavailable, "NCCL cannot start: {} ({})",
                   ncclGetErrorString(status), ncclGetLastError(nullptr));
    bytes.assign(reinterpret_cast<const char*>(&id), sizeof id);
  }
  bytes = control.broadcast(bytes);
  RINGFOLD_INVARIANT(bytes.size() == sizeof id, "an NCCL id of {} bytes", bytes.size());
  std::memcpy(&id, bytes.data(), sizeof id);
  return id;
}

std::string version_text(int version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace

NcclCommunicator::NcclCommunicator(Control& control, StreamWatch& watch) : control_(control), watch_(watch) {
  RINGFOLD_CUDA(cudaGetDevice(&device_));
  const ncclUniqueId id = shared_id(control);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  config.maxCTAs = kMostCtas;
  try {
    check(ncclCommInitRankConfig(&comm_, control.size(), id, control.rank(), &config), "ncclCommInitRankConfig");
    std::vector<Wanted> wants;
    for (int peer = 0; peer < control.size(); ++peer) {
      if (peer != control.rank()) wants.push_back({peer, "NCCL's start", -1, 0, 0});
    }
    wait_for_host(wants);
  } catch (...) {
    release(true);
    throw;
  }
}

NcclCommunicator::~NcclCommunicator() {
  if (!released_) release(true);
  const auto end = Clock::now() + kFarewell;
  while (!*released_ && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void NcclCommunicator::check(ncclResult_t status, const char* call) const {
  if (is_fine(status)) return;
  const ExitCode code = status == ncclRemoteError ? ExitCode::peer_lost : ExitCode::internal;
  throw Error(code, fmt::format("rank {}: NCCL: {} ({}): {}", control_.rank(), ncclGetErrorString(status), call,
                                ncclGetLastError(comm_)));
}

/// NCCL starts its work on a thread of its own.
void NcclCommunicator::wait_for_host(std::span<const Wanted> wants) {
  watch_.meet(
      [this] {
        ncclResult_t state = ncclSuccess;
        check(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError");
        check(state, "in the background");
        return state != ncclInProgress;
      },
      wants);
}

void NcclCommunicator::exchange(std::span<const NcclMessage> sends, std::span<const NcclMessage> receives,
                                cudaStream_t stream) {
  if (sends.empty() && receives.empty()) return;
  check(ncclGroupStart(), "ncclGroupStart");
  ncclResult_t first = ncclSuccess;
  const auto note = [&](ncclResult_t status) {
    if (is_fine(first)) first = status;
  };
  for (const NcclMessage& send : sends) {
    note(ncclSend(send.data, static_cast<size_t>(send.bytes), ncclInt8, send.peer, comm_, stream));
  }
  for (const NcclMessage& receive : receives) {
    note(ncclRecv(receive.data, static_cast<size_t>(receive.bytes), ncclInt8, receive.peer, comm_, stream));
  }
  const ncclResult_t ended = ncclGroupEnd();
  check(first, "ncclSend or ncclRecv");
  check(ended, "ncclGroupEnd");
  wait_for_host({});
}

void NcclCommunicator::connect(std::span<const int> senders, std::span<const int> receivers, cudaStream_t stream) {
  if (senders.empty() && receivers.empty()) return;
  const auto memory = device_zeros(2);
  std::vector<NcclMessage> sends;
  std::vector<NcclMessage> receives;
  std::vector<Wanted> wants;
  for (const int peer : receivers) sends.push_back({peer, memory.get(), 1});
  for (const int peer : senders) receives.push_back({peer, memory.get() + 1, 1});
  for (const auto peers : {senders, receivers}) {
    for (const int peer : peers) wants.push_back({peer, "NCCL's connection", -1, 0, 0});
  }
  try {
    exchange(sends, receives, stream);
    wait_for_device(stream, wants);
  } catch (...) {
    give_up();  // or the memory is freed for ever, while a kernel waits for a peer
    throw;
  }
}

void NcclCommunicator::wait_for_device(cudaStream_t stream, std::span<const Wanted> wants) {
  const DeviceEvent end;
  RINGFOLD_CUDA(cudaEventRecord(end.get(), stream));
  watch_.meet(
      [&] {
        look();
        const cudaError_t status = cudaEventQuery(end.get());
        if (status == cudaErrorNotReady) return false;
        RINGFOLD_CUDA(status);
        return true;
      },
      wants);
}

void NcclCommunicator::look() {
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
  if (is_fine(asked) && is_fine(state)) return;
  if (!failed_at_) failed_at_ = Clock::now();
  if (Clock::now() - *failed_at_ < kGrace) return;
  check(asked, "ncclCommGetAsyncError");
  check(state, "in the background");
}

void NcclCommunicator::give_up() noexcept {
  if (!released_) release(true);
}

void NcclCommunicator::let_go() noexcept {
  if (!released_) release(false);
}

/// On a thread of its own: NCCL waits for every graph that its kernels are part of to be destroyed, and an aborting
/// rank's graph outlives this call. Its kernels are told to end before anything is waited for.
void NcclCommunicator::release(bool abort) noexcept {
  released_ = std::make_shared<std::atomic<bool>>(false);
  if (comm_ == nullptr) {
    *released_ = true;
    return;
  }
  const auto run = [comm = std::exchange(comm_, nullptr), device = device_, released = released_, abort] {
    (void)cudaSetDevice(device);
    (void)(abort ? ncclCommAbort(comm) : ncclCommDestroy(comm));
    *released = true;
  };
  try {
    std::thread(run).detach();
  } catch (const std::exception&) {  // no thread: left behind
    *released_ = true;
  }
}

std::string nccl_version_text() {
  int version = 0;
  return ncclGetVersion(&version) == ncclSuccess ? version_text(version) : "unknown";
}

std::optional<std::string> no_nccl() {
  static std::once_flag once;
  // Sends and receives use no multicast, but NCCL would set it up.
  std::call_once(once, [] { setenv("NCCL_NVLS_ENABLE", "0", 1); });
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess) return "NCCL does not say its version";
  if (version < kOldest) {
    return fmt::format("NCCL {} is too old: {} is needed", version_text(version), version_text(kOldest));
  }
  return std::nullopt;
}

}  // namespace ringfold
