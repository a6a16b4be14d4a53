#include "experiments/planned_case.h"

#include "experiments/device_memory.h"
#include "experiments/memory.h"
#include "experiments/rounds.h"
#include "experiments/text.h"
#include "lib/check.h"
#include "lib/kernel.h"
#include "lib/passes.h"
#include "lib/placement.h"
#include "lib/strategy.h"
#include "lib/transport.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace ringfold {
namespace {

void prove(const Schedule& schedule, std::string_view after) {
  const Verdict verdict = check(schedule);
  RINGFOLD_CHECK(verdict.proved(), ExitCode::refuted, "{}{}{}", after, after.empty() ? "" : ": ", verdict.summary());
}

bool is_on(const Case& item, std::string_view pass) {
  const auto found = item.passes.find(std::string(pass));
  return found == item.passes.end() || found->second;
}

Schedule prove_and_improve(const Case& item, Schedule schedule) {
  prove(schedule, "");
  const AssumedRates rates = assumed_rates(item);
  for (const Pass& pass : pass_table()) {
    if (!is_on(item, pass.name)) continue;
    schedule = pass.apply(std::move(schedule), rates);
    prove(schedule, fmt::format("after pass {}", pass.name));
  }
  const bool has_buffers = std::all_of(schedule.ranks.begin(), schedule.ranks.end(), [](const Program& program) {
    return program.offsets.size() == program.blocks.size();
  });
  if (!has_buffers) {
    schedule = assign_buffers(std::move(schedule), /*reuse=*/false);
    prove(schedule, "with buffers");
  }
  return schedule;
}

/// Every rank of a group meets the KV of every other, so plans grow with the square of a group's ranks. A pair takes
/// this much memory in the largest of them, naive_ring's, and a second is some 200,000 pairs.
constexpr int64_t kBytesOfPair = 512;
constexpr int64_t kMostPairs = int64_t{1} << 24;  // a group of 4096 ranks

void check_size(const Cluster& cluster) {
  const int64_t pairs = int64_t{cluster.sp} * cluster.sp * cluster.tp;
  RINGFOLD_CHECK(pairs <= kMostPairs, ExitCode::unavailable,
                 "cluster: a plan of sp {} x tp {} ranks has some {} steps; at most {} are planned", cluster.sp,
                 cluster.tp, count_text(pairs), count_text(kMostPairs));
  const int64_t available = available_memory_bytes();
  RINGFOLD_CHECK(pairs * kBytesOfPair <= available, ExitCode::unavailable,
                 "cluster: a plan of sp {} x tp {} ranks takes about {} of memory, {} are available", cluster.sp,
                 cluster.tp, bytes_text(pairs * kBytesOfPair), bytes_text(available));
}

Schedule make_schedule(const Case& item) {
  const StrategyInfo* info = find_strategy(item.strategy);
  RINGFOLD_CHECK(info != nullptr, ExitCode::unavailable, "strategy {} is not built", item.strategy);
  const std::unique_ptr<Strategy> strategy = info->make(item.options);
  const std::optional<std::string> reason = cluster_supports(*strategy, item.problem, item.cluster);
  RINGFOLD_CHECK(!reason, ExitCode::unavailable, "{}", reason.value_or(""));
  check_size(item.cluster);
  return prove_and_improve(item, plan_cluster(*strategy, item.strategy, item.problem, item.cluster));
}

constexpr const char* kNoPartials =
    "the plan joins partial results, for which this kernel's, in 16 bits, are too coarse (passes.join makes one attend "
    "of those that can be)";

/// What a kernel cannot do and a plan asks of it.
std::string missing_in_kernel(const Capabilities& can, const Schedule& schedule) {
  for (const Program& program : schedule.ranks) {
    for (const Operation& operation : program.operations) {
      const auto* merge = std::get_if<Merge>(&operation);
      if (!can.folds && merge != nullptr && merge->parts.size() > 1) return kNoPartials;
      const auto* attend = std::get_if<Attend>(&operation);
      if (attend == nullptr) continue;
      if (!can.folds && attend->state_in != kNoBlock) return kNoPartials;
      if (!can.many_kv_pieces && attend->kv.size() > 1) return "the kernel takes one piece of K and V an attend";
    }
  }
  return "";
}

bool has_exchanges(const Schedule& schedule) {
  for (const Program& program : schedule.ranks) {
    for (const Operation& operation : program.operations) {
      if (std::holds_alternative<Exchange>(operation)) return true;
    }
  }
  return false;
}

std::string missing_kernel(PlannedCase& planned, const TransportInfo& transport, int ranks_here) {
  const Case& item = planned.item;
  const KernelInfo* info = find_kernel(item.kernel);
  if (info == nullptr) return fmt::format("kernel {} is not built", item.kernel);
  if (const auto reason = info->unavailable()) return fmt::format("kernel {} is unavailable: {}", item.kernel, *reason);
  const std::unique_ptr<Kernel> kernel = info->make({});
  const Capabilities can = kernel->capabilities();
  if (const auto reason = missing_variant(can, item.problem)) return *reason;
  if (can.refuses) {
    if (const auto reason = can.refuses(item.problem)) return *reason;
  }
  const std::string missing = missing_in_kernel(can, *planned.schedule);
  if (!missing.empty()) return missing;
  if (has_exchanges(*planned.schedule) && !transport.can_move(can.memory)) {
    return fmt::format("transport {} does not move the memory of kernel {}", item.transport, item.kernel);
  }
  if (info->devices == nullptr) return "";
  planned.device_bytes = device_bytes(*kernel, *planned.schedule);
  return missing_devices(*info, ranks_here, planned.device_bytes);
}

}  // namespace

AssumedRates assumed_rates(const Case& item) {
  const KernelInfo* kernel = find_kernel(item.kernel);
  const TransportInfo* transport = find_transport(item.transport);
  AssumedRates rates = kernel == nullptr ? AssumedRates{} : kernel->rates;
  if (transport == nullptr) return rates;
  rates.link_bytes_per_second = transport->link_bytes_per_second;
  rates.exchange_seconds = transport->exchange_seconds;
  return rates;
}

PlannedCase plan_case(const Case& item) {
  PlannedCase planned;
  planned.item = item;
  try {
    RINGFOLD_CHECK(item.unsupported_reason.empty(), ExitCode::unavailable, "{}", item.unsupported_reason);
    planned.item.problem.cache = cache_of(item);
    planned.schedule = make_schedule(planned.item);
    cache_after(planned.item, *planned.schedule);
    planned.outcome.plan = cost_of(*planned.schedule);
  } catch (const Error& error) {
    planned.outcome = outcome_of(error);
    planned.schedule.reset();
  } catch (const std::exception& error) {
    planned.outcome = outcome_of(Error(ExitCode::internal, fmt::format("planning failed: {}", error.what())));
    planned.schedule.reset();
  }
  return planned;
}

std::string missing_for(PlannedCase& planned, int ranks_here) {
  if (!planned.item.unbuilt_backend.empty()) return planned.item.unbuilt_backend;
  const TransportInfo* transport = find_transport(planned.item.transport);
  if (transport == nullptr) return fmt::format("transport {} is not built", planned.item.transport);
  if (const auto reason = transport->unavailable()) {
    return fmt::format("transport {} is unavailable: {}", planned.item.transport, *reason);
  }
  try {
    const std::string kernel = missing_kernel(planned, *transport, ranks_here);
    if (!kernel.empty()) return kernel;
  } catch (const Error& error) {
    if (error.code() != ExitCode::unavailable) throw;
    return error.what();
  }
  if (find_kernel(planned.item.kernel)->devices != nullptr) return "";
  if (planned.item.round) {
    const Problem whole = whole_problem(planned.item);
    const int64_t cache = whole.kv_tokens() * whole.heads.kv * 2 * whole.heads.dim * bytes_of(whole.dtype);
    const int64_t here = cache / planned.item.cluster.ranks() * ranks_here;
    if (here > available_memory_bytes()) {
      return fmt::format("problem.rounds: K and V of all rounds take {} of memory, {} are available", bytes_text(here),
                         bytes_text(available_memory_bytes()));
    }
  }
  const int64_t needed = memory_bytes(planned, ranks_here);
  const int64_t available = available_memory_bytes();
  if (needed > available) {
    return fmt::format("its {} ranks need {} of memory together, {} are available", ranks_here, bytes_text(needed),
                       bytes_text(available));
  }
  return "";
}

int64_t memory_bytes(const PlannedCase& planned, int ranks_here) {
  std::vector<int64_t> bytes;
  for (const Program& program : planned.schedule->ranks) bytes.push_back(program.arena_bytes);
  std::ranges::sort(bytes, std::greater());
  bytes.resize(std::min(bytes.size(), static_cast<size_t>(ranks_here)));
  return std::accumulate(bytes.begin(), bytes.end(), int64_t{0});
}

bool fit_together(std::span<const PlannedCase* const> cases, const KernelInfo* kernel, int ranks_here,
                  int64_t shared_bytes) {
  const bool has_devices = kernel != nullptr && kernel->devices != nullptr;
  int64_t on_device = 0;
  for (const PlannedCase* planned : cases) {
    if (!planned->is_proved()) continue;
    if (has_devices) on_device += planned->device_bytes;
    if (!has_devices) shared_bytes += memory_bytes(*planned, ranks_here);
  }
  if (shared_bytes > available_memory_bytes()) return false;
  return !has_devices || missing_devices(*kernel, ranks_here, on_device).empty();
}

}  // namespace ringfold
