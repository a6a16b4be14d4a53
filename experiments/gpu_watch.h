#pragma once

#include "kernels/gpu_clocks.h"

#include <string>
#include <vector>

namespace ringfold {

/// "SM clock 1755 of 1980 MHz, power limit 700 W, L2 50.0 MiB", as of the slowest of the GPUs; empty for none.
std::string clocks_text(const std::vector<GpuClocks>& gpus);

/// What held GPUs' clocks down between two looks at them, for a share of the time that is worth a note.
std::vector<std::string> slowdown_notes(const std::vector<GpuClocks>& before, const std::vector<GpuClocks>& after);

/// Looks at the first GPUs of this host before and after repeats.
class GpuWatch {
 public:
  explicit GpuWatch(int gpus);
  void end();
  const std::string& text() const { return text_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::vector<GpuClocks> look() const;

  size_t gpus_;
  std::vector<GpuClocks> before_;
  std::string text_;
  std::vector<std::string> notes_;
};

}  // namespace ringfold
