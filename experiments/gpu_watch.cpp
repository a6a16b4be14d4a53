#include "experiments/gpu_watch.h"

#include "experiments/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringfold {
namespace {

/// Of the time: less is not seen in a median.
constexpr double kWorthANote = 0.05;

/// The GPU whose clocks were held down for the largest share of the time, and that share.
template <typename Held>
std::pair<size_t, double> most_held(const std::vector<GpuClocks>& before, const std::vector<GpuClocks>& after,
                                    Held held) {
  std::pair<size_t, double> most{0, 0};
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    const double time = after[i].time_ms - before[i].time_ms;
    const double share = time > 0 ? (held(after[i]) - held(before[i])) / time : 0;
    if (share > most.second) most = {i, share};
  }
  return most;
}

}  // namespace

std::string clocks_text(const std::vector<GpuClocks>& gpus) {
  if (gpus.empty()) return "";
  const GpuClocks& slowest = *std::ranges::min_element(gpus, {}, &GpuClocks::sm_mhz);
  return fmt::format("SM clock {} of {} MHz, power limit {} W, L2 {}", slowest.sm_mhz, slowest.most_sm_mhz,
                     slowest.power_limit_watts, bytes_text(slowest.l2_bytes));
}

std::vector<std::string> slowdown_notes(const std::vector<GpuClocks>& before, const std::vector<GpuClocks>& after) {
  std::vector<std::string> notes;
  const auto [hot, heat] = most_held(before, after, [](const GpuClocks& gpu) { return gpu.heat_ms; });
  if (heat > kWorthANote) {
    notes.push_back(fmt::format("GPU {} was too hot for its clocks for {:.0f} % of the repeats: let it cool down", hot,
                                100 * std::min(heat, 1.0)));
  }
  const auto [hungry, power] = most_held(before, after, [](const GpuClocks& gpu) { return gpu.power_ms; });
  if (power > kWorthANote) {
    notes.push_back(
        fmt::format("the power limit of {} W held GPU {}'s clocks down for {:.0f} % of the repeats: compare with runs "
                    "under the same limit only",
                    after[hungry].power_limit_watts, hungry, 100 * std::min(power, 1.0)));
  }
  return notes;
}

GpuWatch::GpuWatch(int gpus) : gpus_(static_cast<size_t>(gpus)), before_(look()) {}

void GpuWatch::end() {
  const std::vector<GpuClocks> after = look();
  notes_ = slowdown_notes(before_, after);
  // Repeats read what the one before them has read.
  text_ = after.empty() ? "" : clocks_text(after) + ", warm";
}

std::vector<GpuClocks> GpuWatch::look() const {
  if (gpus_ == 0) return {};
  std::vector<GpuClocks> gpus = gpu_clocks();
  gpus.resize(std::min(gpus.size(), gpus_));
  return gpus;
}

}  // namespace ringfold
