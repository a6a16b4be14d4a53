#pragma once

#include "transports/peer_moves.h"

#include <cuda_runtime.h>

#include <cstdint>

namespace ringfold {

// What small_exchange.cu offers. It includes nothing that nvcc cannot read.

/// What a rank pulls from one peer once its flag `ready` is set; then it sets the sender's flag `taken`. Null flags: a
/// copy to itself.
struct SmallMeeting {
  uint32_t* ready = nullptr;
  uint32_t* taken = nullptr;
  int32_t first_copy = 0;
  int32_t copies = 0;
};

/// Meetings with one peer, one after the other; none waits for another peer's.
struct SmallLane {
  int32_t first_meeting = 0;
  int32_t meetings = 0;
};

/// Of all small exchanges of a program, on the device.
struct SmallTables {
  const PeerCopy* copies = nullptr;
  const SmallMeeting* meetings = nullptr;
  const SmallLane* lanes = nullptr;
  const DepartingMeeting* departures = nullptr;
  uint32_t* counters = nullptr;  ///< of blocks that have ended, which wrap around: one a meeting, then one an exchange
  uint32_t* begun = nullptr;     ///< where an exchange's number is written once it has begun, and once it has ended
  uint32_t* ended = nullptr;
};

struct SmallExchange {
  SmallTables tables;
  int32_t first_lane = 0;
  int32_t lanes = 0;        ///< at least 1
  int32_t lane_blocks = 0;  ///< blocks that share out each of a lane's copies
  int32_t first_departure = 0;
  int32_t departures = 0;
  int32_t counter = 0;
  uint32_t number = 0;
};

/// A whole exchange as one kernel: says that it has begun, sets the flags of what it sends, waits for those of what it
/// receives, pulls, waits until what it sends has been taken, and says that it has ended. The flags are those of
/// PeerEngine's streams: the other end may be of the other kind. May be called while the stream is recorded.
void launch_small_exchange(const SmallExchange& exchange, cudaStream_t stream);
/// Has the kernel loaded: at a first launch that might wait for kernels which wait for this one.
cudaError_t load_small_exchange();

}  // namespace ringfold
