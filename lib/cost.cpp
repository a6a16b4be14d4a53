#include "lib/cost.h"

#include "lib/cost_minimum.h"
#include "lib/lifetimes.h"

#include <algorithm>
#include <numeric>

namespace ringfold {

namespace {

/// Adds one rank's operations to the cost; `to` is scratch, one entry a rank.
class RankCost {
 public:
  RankCost(const Schedule& schedule, size_t rank, Cost& cost)
      : schedule_(schedule), program_(schedule.ranks[rank]), rank_(rank), cost_(cost) {}

  void run(std::vector<int64_t>& to) {
    for (const Operation& operation : program_.operations) {
      if (const auto* exchange = std::get_if<Exchange>(&operation)) {
        count(*exchange, to);
      } else if (const auto* attend = std::get_if<Attend>(&operation)) {
        count(*attend);
      } else if (const auto* project = std::get_if<Project>(&operation)) {
        cost_.projection_flops[rank_] += projection_flops(schedule_.problem, program_, *project);
      }
    }
    for (size_t peer = 0; peer < to.size(); ++peer) {
      if (to[peer] == 0) continue;
      cost_.link_bytes.emplace_hint(cost_.link_bytes.end(), std::pair(static_cast<int>(rank_), static_cast<int>(peer)),
                                    to[peer]);
      to[peer] = 0;
    }
    cost_.peak_bytes[rank_] = peak_bytes_of(program_, schedule_.problem.heads.dim);
    if (!schedule_.problem.page_size) return;
    for (const Block& block : program_.blocks) {
      // What is turned lies in pages of its own, beside those that it was made of.
      if (block.page_size > 0 && !block.rotated) cost_.pages[rank_] += memory_rows(block) / block.page_size;
    }
  }

 private:
  void count(const Exchange& exchange, std::vector<int64_t>& to) {
    for (const Send& send : exchange.sends) {
      const Block& block = program_.blocks[static_cast<size_t>(send.view.block)];
      const int64_t bytes =
          bytes_of(block, send.view.tokens.size(), send.view.heads.size(), schedule_.problem.heads.dim);
      cost_.sent_bytes[rank_] += bytes;
      cost_.received_bytes[static_cast<size_t>(send.peer)] += bytes;
      to[static_cast<size_t>(send.peer)] += bytes;
    }
  }

  void count(const Attend& attend) {
    int64_t pairs = 0;
    for (const View& kv : attend.kv) pairs += visible_pairs(attend.mask, attend.q.tokens, kv.tokens);
    const int64_t flops_of_pair = 4 * schedule_.problem.heads.dim * attend.q.heads.size();
    cost_.flops[rank_] += static_cast<double>(flops_of_pair) * static_cast<double>(pairs);
    ++cost_.attends[rank_];
  }

  const Schedule& schedule_;
  const Program& program_;
  size_t rank_;
  Cost& cost_;
};

double imbalance_of(const std::vector<double>& flops) {
  const double sum = std::accumulate(flops.begin(), flops.end(), 0.0);
  if (sum == 0) return 1.0;
  return *std::max_element(flops.begin(), flops.end()) * static_cast<double>(flops.size()) / sum;
}

}  // namespace

std::vector<double> Cost::all_flops() const {
  std::vector<double> all = flops;
  for (size_t rank = 0; rank < projection_flops.size(); ++rank) all[rank] += projection_flops[rank];
  return all;
}

double projection_flops(const Problem& problem, const Program& program, const Project& project) {
  const Block& made = program.blocks[static_cast<size_t>(project.block)];
  const auto rows = static_cast<double>(made.tokens.size() * made.heads.size());
  const auto elements = static_cast<double>(row_elements(made.kind, problem.heads.dim));
  return 2 * static_cast<double>(problem.layer->hidden) * rows * elements;
}

Cost cost_of(const Schedule& schedule) {
  const size_t ranks = schedule.ranks.size();
  Cost cost;
  for (auto* list : {&cost.sent_bytes, &cost.received_bytes, &cost.attends, &cost.peak_bytes}) {
    list->assign(ranks, 0);
  }
  cost.flops.assign(ranks, 0);
  if (schedule.problem.layer) cost.projection_flops.assign(ranks, 0);
  if (schedule.problem.page_size) cost.pages.assign(ranks, 0);
  std::vector<int64_t> to(ranks, 0);
  for (size_t rank = 0; rank < ranks; ++rank) RankCost(schedule, rank, cost).run(to);
  cost.minimum_sent_bytes = minimum_sent_bytes(schedule);
  cost.imbalance = imbalance_of(cost.all_flops());
  return cost;
}

}  // namespace ringfold
