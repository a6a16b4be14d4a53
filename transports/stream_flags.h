#pragma once

#include "transports/flags_launch.h"

#include <cstdint>
#include <vector>

namespace ringfold {

/// 32-bit flags, in any memory that the device reaches, that a stream writes and waits for by itself. Noted down by
/// set(), take() and write(), put on the stream together by flush(): many take little longer than one.
class StreamFlags {
 public:
  /// With the device current, before the first flush.
  static void load();
  /// To 1. What was put on the stream before is visible to whoever sees it.
  void set(uint32_t* flag);
  /// Waits until the flag is at least 1, as a signed number; then sets it to 0, so that it can be waited for again,
  /// also where this is recorded into a graph, in which all values are constants.
  void take(uint32_t* flag);
  /// A number for the host, with nothing behind it.
  void write(uint32_t* word, uint32_t number);
  void flush(cudaStream_t stream);

 private:
  std::vector<FlagStep> noted_;
};

}  // namespace ringfold
