// A small exchange as one kernel, where copy engines and flags on a stream take longer to start than to move it.
// Release and acquire at system scope, of CUDA's memory model, order what is pulled behind the flags.
#include "transports/flags.cuh"
#include "transports/small_launch.h"

namespace ringfold {

namespace {

constexpr int kThreads = 256;
/// A thread's loads in flight: a peer's memory is far.
constexpr int kFlight = 8;

/// Is this the last of `count` blocks to come here? Then what the others did before has happened. For all threads.
__device__ bool is_last(uint32_t* counter, uint32_t count) {
  __shared__ bool last;
  __syncthreads();
  if (count == 1) return true;
  if (threadIdx.x == 0) {
    __threadfence();
    last = atomicInc(counter, count - 1) == count - 1;
    __threadfence();
  }
  __syncthreads();
  return last;
}

template <typename Unit>
__device__ void pull_units(const PeerCopy& copy) {
  const auto* from = reinterpret_cast<const Unit*>(copy.from);
  auto* to = reinterpret_cast<Unit*>(copy.to);
  const int64_t count = copy.bytes / static_cast<int64_t>(sizeof(Unit));
  constexpr int64_t kBlockUnits = kThreads * kFlight;
  for (int64_t first = blockIdx.y * kBlockUnits + threadIdx.x; first < count; first += gridDim.y * kBlockUnits) {
    Unit units[kFlight];
#pragma unroll
    for (int i = 0; i < kFlight; ++i) {
      if (first + i * kThreads < count) units[i] = from[first + i * kThreads];
    }
#pragma unroll
    for (int i = 0; i < kFlight; ++i) {
      if (first + i * kThreads < count) to[first + i * kThreads] = units[i];
    }
  }
}

__device__ void pull(const PeerCopy& copy) {
  const uint64_t misfit =
      reinterpret_cast<uint64_t>(copy.from) | reinterpret_cast<uint64_t>(copy.to) | static_cast<uint64_t>(copy.bytes);
  if (misfit % sizeof(uint4) == 0) return pull_units<uint4>(copy);
  if (misfit % sizeof(uint32_t) == 0) return pull_units<uint32_t>(copy);
  pull_units<uint8_t>(copy);
}

__global__ void __launch_bounds__(kThreads) small_exchange(const SmallExchange exchange) {
  const SmallTables& tables = exchange.tables;
  const DepartingMeeting* departures = tables.departures + exchange.first_departure;
  const int thread = static_cast<int>(threadIdx.x);
  // First of all, whatever this rank waits for: others wait for it.
  if (blockIdx.x == 0 && blockIdx.y == 0) {
    for (int i = thread; i < exchange.departures; i += kThreads) set_flag(departures[i].ready);
    if (thread == kThreads - 1) write_word(tables.begun, exchange.number);
  }
  const SmallLane lane = tables.lanes[exchange.first_lane + blockIdx.x];
  for (int m = lane.first_meeting; m < lane.first_meeting + lane.meetings; ++m) {
    const SmallMeeting meeting = tables.meetings[m];
    const bool has_flags = meeting.ready != nullptr;
    if (has_flags && thread == 0) await_flag(meeting.ready);
    __syncthreads();
    for (int i = meeting.first_copy; i < meeting.first_copy + meeting.copies; ++i) pull(tables.copies[i]);
    const bool last = is_last(tables.counters + m, gridDim.y);
    if (!last || !has_flags || thread != 0) continue;
    // Cleared before the other side is told: it is clear when it is set anew.
    clear_flag(meeting.ready);
    set_flag(meeting.taken);
  }
  if (!is_last(tables.counters + exchange.counter, gridDim.x * gridDim.y)) return;
  for (int i = thread; i < exchange.departures; i += kThreads) {
    await_flag(departures[i].taken);
    clear_flag(departures[i].taken);
  }
  __syncthreads();
  if (thread == 0) write_word(tables.ended, exchange.number);
}

}  // namespace

void launch_small_exchange(const SmallExchange& exchange, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(exchange.lanes), static_cast<unsigned>(exchange.lane_blocks));
  small_exchange<<<grid, kThreads, 0, stream>>>(exchange);
}

cudaError_t load_small_exchange() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, small_exchange);
}

}  // namespace ringfold
