#include "transports/stream_flags.h"

#include "transports/cuda_check.h"

#include <algorithm>

namespace ringfold {

void StreamFlags::load() { RINGFOLD_CUDA(load_flags()); }

void StreamFlags::set(uint32_t* flag) { noted_.push_back({flag, FlagDeed::set, 0}); }

void StreamFlags::take(uint32_t* flag) { noted_.push_back({flag, FlagDeed::take, 0}); }

void StreamFlags::write(uint32_t* word, uint32_t number) { noted_.push_back({word, FlagDeed::write, number}); }

void StreamFlags::flush(cudaStream_t stream) {
  for (size_t i = 0; i < noted_.size(); i += FlagSteps::kMost) {
    FlagSteps flags;
    const size_t count = std::min<size_t>(FlagSteps::kMost, noted_.size() - i);
    std::copy_n(noted_.begin() + static_cast<std::ptrdiff_t>(i), count, flags.steps);
    flags.count = static_cast<int32_t>(count);
    launch_flags(flags, stream);
    RINGFOLD_CUDA(cudaGetLastError());
  }
  noted_.clear();
}

}  // namespace ringfold
