#include "transports/memory_device.h"

#include "transports/cuda_check.h"

namespace ringfold {

int device_of(const AnnouncedMemory& memory, bool is_bound, int otherwise, int rank) {
  if (memory.data == nullptr) return otherwise;
  cudaPointerAttributes attributes{};
  RINGFOLD_CUDA(cudaPointerGetAttributes(&attributes, memory.data.get()));
  RINGFOLD_INVARIANT(memory.kind == MemoryKind::cuda && attributes.type == cudaMemoryTypeDevice,
                     "rank {}: the memory announced is not a GPU's", rank);
  RINGFOLD_INVARIANT(!is_bound || attributes.device == otherwise,
                     "rank {}: memory of GPU {} is announced after memory of GPU {}", rank, attributes.device,
                     otherwise);
  return attributes.device;
}

void wait_on_stream(cudaStream_t stream, Fence* after) {
  if (after == nullptr) return;
  const auto event = static_cast<cudaEvent_t>(after->native());
  if (event == nullptr) return after->wait();
  RINGFOLD_CUDA(cudaStreamWaitEvent(stream, event, 0));
}

}  // namespace ringfold
