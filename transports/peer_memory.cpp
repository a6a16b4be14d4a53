#include "transports/peer_memory.h"

#include "transports/cuda_check.h"
#include "transports/cuda_driver.h"
#include "transports/frames.h"
#include "transports/gpus.h"

#include <cstring>
#include <map>

namespace ringfold {

namespace {

constexpr int64_t kPointer = 1;
constexpr int64_t kHandle = 2;

/// A mapping of another process's memory: CUDA gives one a device and handle, so ranks' sessions share it.
class Mapping {
 public:
  Mapping(const cudaIpcMemHandle_t& handle, int device, const std::string& owner, const std::string& reader)
      : device_(device) {
    const cudaError_t status = cudaIpcOpenMemHandle(&base_, handle, cudaIpcMemLazyEnablePeerAccess);
    if (status != cudaSuccess) (void)cudaGetLastError();
    RINGFOLD_CHECK(status == cudaSuccess, ExitCode::unavailable, "{} cannot be let into the memory of {}: {}", reader,
                   owner, cudaGetErrorString(status));
  }
  ~Mapping() {
    int before = 0;
    (void)cudaGetDevice(&before);
    (void)cudaSetDevice(device_);
    (void)cudaIpcCloseMemHandle(base_);
    (void)cudaSetDevice(before);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::byte* base() const { return static_cast<std::byte*>(base_); }

 private:
  int device_;
  void* base_ = nullptr;
};

std::shared_ptr<Mapping> map(std::string_view handle_bytes, const std::string& owner, const std::string& reader) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Mapping>> all;
  int device = 0;
  RINGFOLD_CUDA(cudaGetDevice(&device));
  const std::lock_guard lock(mutex);
  std::weak_ptr<Mapping>& known = all[fmt::format("{} {}", device, handle_bytes)];
  std::shared_ptr<Mapping> mapping = known.lock();
  if (mapping) return mapping;
  cudaIpcMemHandle_t handle{};
  RINGFOLD_INVARIANT(handle_bytes.size() == sizeof handle, "a memory handle of {} bytes", handle_bytes.size());
  std::memcpy(&handle, handle_bytes.data(), sizeof handle);
  mapping = std::make_shared<Mapping>(handle, device, owner, reader);
  known = mapping;
  return mapping;
}

}  // namespace

std::string ticket_to(const std::byte* memory, bool for_processes) {
  std::string ticket;
  if (memory == nullptr) return ticket;
  TextWriter writer(ticket);
  const auto address = reinterpret_cast<CUdeviceptr>(memory);
  CUmemoryPool pool = nullptr;
  check_driver(cuda_driver().pointer_attribute(&pool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, address),
               "cuPointerGetAttribute(MEMPOOL_HANDLE)");
  RINGFOLD_INVARIANT(pool == nullptr, "other GPUs cannot be let into memory of a pool (cudaMallocAsync)");
  if (!for_processes) {
    writer.put(kPointer);
    writer.put(static_cast<int64_t>(address));
    return ticket;
  }
  CUdeviceptr base = 0;
  size_t bytes = 0;
  check_driver(cuda_driver().address_range(&base, &bytes, address), "cuMemGetAddressRange");
  cudaIpcMemHandle_t handle{};
  const cudaError_t status = cudaIpcGetMemHandle(&handle, reinterpret_cast<void*>(base));
  if (status != cudaSuccess) (void)cudaGetLastError();
  RINGFOLD_CHECK(status == cudaSuccess, ExitCode::unavailable,
                 "other processes cannot be let into this one's GPU memory (CUDA IPC): {}", cudaGetErrorString(status));
  writer.put(kHandle);
  writer.put(std::string_view(reinterpret_cast<const char*>(&handle), sizeof handle));
  writer.put(static_cast<int64_t>(address - base));
  return ticket;
}

std::shared_ptr<std::byte> enter(const std::string& ticket, const std::string& owner, const std::string& reader) {
  if (ticket.empty()) return nullptr;
  TextReader fields(ticket);
  if (fields.number() == kPointer) {
    return {std::shared_ptr<void>(), reinterpret_cast<std::byte*>(fields.number())};
  }
  std::shared_ptr<Mapping> mapping = map(fields.word(), owner, reader);
  std::byte* data = mapping->base() + fields.number();
  return {std::move(mapping), data};
}

void enable_peer_access(int peer_device) {
  int device = 0;
  RINGFOLD_CUDA(cudaGetDevice(&device));
  if (device == peer_device) return;
  int can = 0;
  RINGFOLD_CUDA(cudaDeviceCanAccessPeer(&can, device, peer_device));
  RINGFOLD_CHECK(can != 0, ExitCode::unavailable, "{} has no peer access to the memory of {}", gpu_name(device),
                 gpu_name(peer_device));
  const cudaError_t status = cudaDeviceEnablePeerAccess(peer_device, 0);
  if (status != cudaSuccess) (void)cudaGetLastError();
  RINGFOLD_CHECK(status == cudaSuccess || status == cudaErrorPeerAccessAlreadyEnabled, ExitCode::unavailable,
                 "{} is refused peer access to the memory of {}: {}", gpu_name(device), gpu_name(peer_device),
                 cudaGetErrorString(status));
}

}  // namespace ringfold
