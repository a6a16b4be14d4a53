#include "experiments/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ringfold {

namespace {

// Specified, not built yet: their cases parse, validate and are skipped.
constexpr std::array kPlannedStrategies = {
    "double_ring",  "edge_disjoint_rings", "group_cast", "helper_ring", "mesh",        "pass_q",      "split_kv",
    "striped_ring", "token_ring",          "ulysses",    "usp",         "window_halo", "zigzag_ring",
};
constexpr std::array kPlannedTransports = {"nccl", "peer_copy"};
constexpr std::array kPlannedKernels = {"cudnn", "flashinfer"};

template <typename Planned>
void add_planned(std::vector<KnownName>& names, const Planned& planned, std::string_view what) {
  for (const char* name : planned) {
    if (find_name(names, name) == nullptr) {
      names.push_back({name, fmt::format("{} '{}' is not built yet", what, name), {}});
    }
  }
}

}  // namespace

Vocabulary make_vocabulary(std::span<const StrategyInfo> strategies, std::span<const TransportInfo> transports,
                           std::span<const KernelInfo> kernels, std::span<const Pass> passes) {
  Vocabulary words;
  for (const StrategyInfo& info : strategies) words.strategies.push_back({std::string(info.id), "", info.options()});
  for (const TransportInfo& info : transports) words.transports.push_back({std::string(info.id), "", {}});
  for (const KernelInfo& info : kernels) words.kernels.push_back({std::string(info.id), "", {}});
  for (const Pass& pass : passes) {
    words.passes.emplace_back(pass.name);
    if (pass.came_later) words.later_passes.emplace_back(pass.name);
  }
  add_planned(words.strategies, kPlannedStrategies, "strategy");
  add_planned(words.transports, kPlannedTransports, "transport");
  add_planned(words.kernels, kPlannedKernels, "kernel");
  return words;
}

const KnownName* find_name(const std::vector<KnownName>& names, std::string_view name) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const KnownName& known) { return known.name == name; });
  return found == names.end() ? nullptr : &*found;
}

std::vector<std::string> names_of(const std::vector<KnownName>& names) {
  std::vector<std::string> out;
  for (const KnownName& known : names) out.push_back(known.name);
  return out;
}

}  // namespace ringfold
