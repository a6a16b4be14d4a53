#pragma once

#include "lib/device.h"

#include <chrono>

namespace ringfold {

/// Of a host queue: its work has ended before anyone can ask.
class HostStamp final : public Stamp {
 public:
  bool ready() override { return true; }
  void wait() override {}
  double ms_since(const Stamp& earlier) const override {
    return std::chrono::duration<double, std::milli>(at_ - static_cast<const HostStamp&>(earlier).at_).count();
  }
  void set() { at_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point at_{};
};

}  // namespace ringfold
