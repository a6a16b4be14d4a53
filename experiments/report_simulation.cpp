#include "experiments/report_simulation.h"

#include "experiments/report_values.h"
#include "experiments/text.h"
#include "lib/error.h"
#include "lib/executor.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

namespace ringfold {
namespace {

int64_t bytes_of_view(const Program& program, const View& view, int64_t dim) {
  return bytes_of(program.blocks[static_cast<size_t>(view.block)], view.tokens.size(), view.heads.size(), dim);
}

double flops_of(const Attend& attend, int64_t dim) {
  double pairs = 0;
  for (const View& kv : attend.kv) {
    pairs += static_cast<double>(visible_pairs(attend.mask, attend.q.tokens, kv.tokens));
  }
  return 4.0 * static_cast<double>(dim) * static_cast<double>(attend.q.heads.size()) * pairs;
}

/// One rank's two queues (0 compute, 1 exchange) as they advance.
struct RankState {
  std::vector<int> dependencies;
  std::vector<double> ended;   ///< by operation; kNever: not yet
  std::vector<double> posted;  ///< by operation, exchanges only: its turn had come and its operands were there
  std::array<std::vector<size_t>, 2> operations;
  std::array<size_t, 2> next = {0, 0};
  std::array<double, 2> free_at = {0, 0};
  std::array<std::vector<Bar>, 2> bars;
};
constexpr double kNever = -1;

class Simulation {
 public:
  Simulation(const Schedule& schedule, const Rates& rates)
      : schedule_(schedule), rates_(rates), dim_(schedule.problem.heads.dim), states_(schedule.ranks.size()) {
    for (size_t rank = 0; rank < states_.size(); ++rank) prepare(rank);
  }

  Gantt run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t rank = 0; rank < states_.size(); ++rank) {
        while (compute(rank) || exchange(rank)) moved = true;
      }
    }
    Gantt gantt;
    for (size_t rank = 0; rank < states_.size(); ++rank) {
      RankState& state = states_[rank];
      for (const size_t queue : {size_t{0}, size_t{1}}) {
        RINGFOLD_INVARIANT(state.next[queue] == state.operations[queue].size(), "rank {} never ends", rank);
        gantt.lanes.push_back({static_cast<int>(rank), queue == 1, std::move(state.bars[queue])});
      }
    }
    return gantt;
  }

 private:
  using Key = std::tuple<size_t, size_t, uint64_t>;  // sender, receiver, tag

  const std::vector<Operation>& operations(size_t rank) const { return schedule_.ranks[rank].operations; }

  void prepare(size_t rank) {
    const Program& program = schedule_.ranks[rank];
    RankState& state = states_[rank];
    state.dependencies = other_queue_dependencies(program, dim_);
    state.ended.assign(program.operations.size(), kNever);
    state.posted.assign(program.operations.size(), kNever);
    for (size_t i = 0; i < program.operations.size(); ++i) {
      const auto* exchange = std::get_if<Exchange>(&program.operations[i]);
      state.operations[exchange != nullptr ? 1 : 0].push_back(i);
      if (exchange == nullptr) continue;
      for (const Send& send : exchange->sends) {
        senders_[{rank, static_cast<size_t>(send.peer), send.tag}] = i;
      }
      for (const Receive& receive : exchange->receives) {
        receivers_[{static_cast<size_t>(receive.peer), rank, receive.tag}] = i;
      }
    }
  }

  /// When the next operation of a queue may start; nothing while what it depends on has not ended.
  std::optional<double> ready(const RankState& state, size_t queue) const {
    if (state.next[queue] == state.operations[queue].size()) return std::nullopt;
    const int dependency = state.dependencies[state.operations[queue][state.next[queue]]];
    if (dependency < 0) return state.free_at[queue];
    const double ended = state.ended[static_cast<size_t>(dependency)];
    if (ended == kNever) return std::nullopt;
    return std::max(state.free_at[queue], ended);
  }

  void end(RankState& state, size_t queue, BarKind kind, double start, double end_ms) {
    if (start > state.free_at[queue]) state.bars[queue].push_back({BarKind::wait, state.free_at[queue], start});
    state.bars[queue].push_back({kind, start, end_ms});
    state.ended[state.operations[queue][state.next[queue]++]] = end_ms;
    state.free_at[queue] = end_ms;
  }

  bool compute(size_t rank) {
    RankState& state = states_[rank];
    const std::optional<double> start = ready(state, 0);
    if (!start) return false;
    const Operation& operation = operations(rank)[state.operations[0][state.next[0]]];
    end(state, 0, bar_kind(name_of(operation)), *start, *start + compute_ms(schedule_.ranks[rank], operation));
    return true;
  }

  double compute_ms(const Program& program, const Operation& operation) const {
    if (const auto* attend = std::get_if<Attend>(&operation)) return flops_of(*attend, dim_) / rates_.flops_per_ms;
    double bytes = 0;
    visit_operands(
        program, operation, [&](const View& view) { bytes += static_cast<double>(bytes_of_view(program, view, dim_)); },
        [](BlockId) {});
    return bytes / rates_.memory_bytes_per_ms;
  }

  /// Bytes of an exchange through the busier of its two directions.
  double exchange_ms(size_t rank, const Exchange& exchange) const {
    const Program& program = schedule_.ranks[rank];
    int64_t sent = 0;
    int64_t received = 0;
    for (const Send& send : exchange.sends) sent += bytes_of_view(program, send.view, dim_);
    for (const Receive& receive : exchange.receives) {
      received += bytes_of(program.blocks[static_cast<size_t>(receive.block)], dim_);
    }
    return rates_.latency_ms + static_cast<double>(std::max(sent, received)) / rates_.link_bytes_per_ms;
  }

  bool exchange(size_t rank) {
    RankState& state = states_[rank];
    if (state.next[1] == state.operations[1].size()) return false;
    const size_t index = state.operations[1][state.next[1]];
    bool moved = false;
    if (state.posted[index] == kNever) {
      const std::optional<double> start = ready(state, 1);
      if (!start) return false;
      state.posted[index] = *start;
      moved = true;
    }
    const auto& exchange = std::get<Exchange>(operations(rank)[index]);
    double last = state.posted[index] + exchange_ms(rank, exchange);
    const auto meet = [&](size_t peer, size_t at) {
      const double posted = states_[peer].posted[at];
      if (posted == kNever) return false;
      const double longer =
          std::max(exchange_ms(rank, exchange), exchange_ms(peer, std::get<Exchange>(operations(peer)[at])));
      last = std::max(last, std::max(posted, state.posted[index]) + longer);
      return true;
    };
    for (const Send& send : exchange.sends) {
      const auto peer = static_cast<size_t>(send.peer);
      if (!meet(peer, receivers_.at({rank, peer, send.tag}))) return moved;
    }
    for (const Receive& receive : exchange.receives) {
      const auto peer = static_cast<size_t>(receive.peer);
      if (!meet(peer, senders_.at({peer, rank, receive.tag}))) return moved;
    }
    end(state, 1, BarKind::exchange, state.posted[index], last);
    return true;
  }

  const Schedule& schedule_;
  const Rates& rates_;
  int64_t dim_;
  std::vector<RankState> states_;
  std::map<Key, size_t> senders_;    ///< the operation that sends
  std::map<Key, size_t> receivers_;  ///< the operation that receives
};

double sum_of(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// FLOPs of all ranks, and bytes that their merges read.
std::pair<double, double> work_of(const Schedule& schedule) {
  const int64_t dim = schedule.problem.heads.dim;
  double flops = 0;
  double merged = 0;
  for (const Program& program : schedule.ranks) {
    for (const Operation& operation : program.operations) {
      if (const auto* attend = std::get_if<Attend>(&operation)) flops += flops_of(*attend, dim);
      const auto* merge = std::get_if<Merge>(&operation);
      if (merge == nullptr) continue;
      for (const View& part : merge->parts) merged += static_cast<double>(bytes_of_view(program, part, dim));
    }
  }
  return {flops, merged};
}

constexpr double kBytesPerMs = 1e6;  // of 1 GB/s

}  // namespace

Gantt simulate(const Schedule& schedule, const Rates& rates) { return Simulation(schedule, rates).run(); }

Rates rates_of(const Row& row, const Schedule& schedule) {
  const auto [flops, merged] = work_of(schedule);
  const double compute_ms = sum_of(numbers_of(row, "/timing/breakdown/compute_ms"));
  const double merge_ms = sum_of(numbers_of(row, "/timing/breakdown/merge_ms"));
  const double median_ms = number_of(row, "/timing/median_ms").value_or(0);
  const double link = number_of(row, "/environment/link_gbps").value_or(0);
  Rates rates;
  std::string computing = "computing at 10 GFLOP/s a rank (assumed)";
  rates.flops_per_ms = 1e7;
  if (flops > 0 && compute_ms > 0) {
    rates.flops_per_ms = flops / compute_ms;
    computing = fmt::format("computing at {} GFLOP/s a rank (measured)", number_text(rates.flops_per_ms / 1e6));
  } else if (flops > 0 && median_ms > 0) {
    rates.flops_per_ms = flops / static_cast<double>(schedule.ranks.size()) / median_ms;
    computing = fmt::format("computing at {} GFLOP/s a rank (as if the median were all computing)",
                            number_text(rates.flops_per_ms / 1e6));
  }
  rates.memory_bytes_per_ms = merged > 0 && merge_ms > 0 ? merged / merge_ms : 4 * kBytesPerMs;
  rates.link_bytes_per_ms = (link > 0 ? link : 4) * kBytesPerMs;
  rates.source = fmt::format("{}, a link of {} GB/s ({})", computing,
                             number_text(rates.link_bytes_per_ms / kBytesPerMs), link > 0 ? "measured" : "assumed");
  return rates;
}

}  // namespace ringfold
